"""An int8 TFLite file cut apart: every operator reads graph inputs and writes graph outputs.

Run anywhere on the same integers, such a file shows operator by operator where two machines
compute alike: a difference in one operator does not spread to the next, as it does end to end.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgeconv.errors import ArtifactRefused
from edgeconv.files.tflite.file import DAMAGE, operator_name
from edgeconv.runtime.litert import IDENTIFIER, LiteRtSession, check_header

_INT8 = schema.TensorType.INT8


@dataclass(frozen=True)
class IsolatedOperator:
    """One operator of the cut file.

    Attributes:
        name: the tensor it writes.
        kind: its TFLite name, such as CONV_2D.
    """

    name: str
    kind: str


@dataclass(frozen=True)
class Isolated:
    """A file cut apart.

    Attributes:
        data: the cut file's bytes.
        operators: in the order of the cut file's outputs.
        fed: the tensors of the original file that the cut file's inputs stand for, in order.
    """

    data: bytes
    operators: tuple[IsolatedOperator, ...]
    fed: tuple[str, ...]

    def feeds(self, original: LiteRtSession) -> list[NDArray[Any]]:
        """Inputs of the cut file: what the original's tensors hold after its last run."""
        return [original.read_tensor(name) for name in self.fed]


def isolate(path: Path) -> Isolated:
    """Cuts a file behind every operator that reads and writes int8 activations.

    Raises:
        ArtifactRefused: it is no TFLite file, is damaged, or holds no such operator.
    """
    check_header(path)
    try:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
        return _cut(model)
    except DAMAGE as error:
        raise ArtifactRefused(f"{path} cannot be cut into its operators: {error}") from error


def _cut(model: Any) -> Isolated:
    (graph,) = model.subgraphs
    copies: dict[int, int] = {}
    kept, kinds = [], []
    for operator in graph.operators:
        read = [i for i in operator.inputs if i >= 0 and _is_activation(model, graph, i)]
        if not read or not all(_is_int8(graph, i) for i in [*read, *operator.outputs]):
            continue
        operator.inputs = np.array(
            [_copied(graph, copies, i) if i in read else i for i in operator.inputs], np.int32
        )
        kept.append(operator)
        code = model.operatorCodes[operator.opcodeIndex]
        kinds.append(operator_name(code.builtinCode, code.deprecatedBuiltinCode, code.customCode))
    if not kept:
        raise ValueError("it holds no operator on int8 activations")
    graph.operators = kept
    graph.inputs = np.array(list(copies.values()), np.int32)
    graph.outputs = np.array([operator.outputs[0] for operator in kept], np.int32)
    model.signatureDefs = []
    names = [graph.tensors[operator.outputs[0]].name.decode() for operator in kept]
    builder = flatbuffers.Builder(1 << 20)
    fed = tuple(graph.tensors[i].name.decode() for i in copies)
    for copy in copies.values():
        graph.tensors[copy].name += b" (given)"
    builder.Finish(model.Pack(builder), IDENTIFIER)
    operators = tuple(map(IsolatedOperator, names, kinds))
    return Isolated(bytes(builder.Output()), operators, fed)


def _is_activation(model: Any, graph: Any, index: int) -> bool:
    data = model.buffers[graph.tensors[index].buffer].data
    return data is None or len(data) == 0


def _is_int8(graph: Any, index: int) -> bool:
    return bool(graph.tensors[index].type == _INT8)


def _copied(graph: Any, copies: dict[int, int], index: int) -> int:
    """A graph input with the same shape and scale as a tensor."""
    if index not in copies:
        copies[index] = len(graph.tensors)
        graph.tensors.append(deepcopy(graph.tensors[index]))
    return copies[index]
