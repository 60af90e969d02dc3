"""An int8 TFLite file cut apart: every operator reads graph inputs and writes graph outputs.

Run anywhere on the same integers, such a file shows operator by operator where two machines
compute alike: a difference in one operator does not spread to the next, as it does end to end.
"""

from __future__ import annotations

from collections.abc import Iterator
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

    One that computes in float between a DEQUANTIZE and a QUANTIZE of its own is cut with these.

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
    found = list(_alone(model, graph))
    if not found:
        raise ValueError("it holds no operator on int8 activations")
    kept = list({id(each): each for _, group in found for each in group}.values())
    for operator in kept:
        operator.inputs = np.array(
            [_copied(graph, copies, i) if _is_fed(model, graph, i) else i for i in operator.inputs],
            np.int32,
        )
    graph.operators = kept
    graph.inputs = np.array(list(copies.values()), np.int32)
    graph.outputs = np.array([group[-1].outputs[0] for _, group in found], np.int32)
    model.signatureDefs = []
    names = [graph.tensors[group[-1].outputs[0]].name.decode() for _, group in found]
    builder = flatbuffers.Builder(1 << 20)
    fed = tuple(graph.tensors[i].name.decode() for i in copies)
    for copy in copies.values():
        graph.tensors[copy].name += b" (given)"
    builder.Finish(model.Pack(builder), IDENTIFIER)
    operators = tuple(map(IsolatedOperator, names, (kind for kind, _ in found)))
    return Isolated(bytes(builder.Output()), operators, fed)


def _alone(model: Any, graph: Any) -> Iterator[tuple[str, list[Any]]]:
    """What reads and writes int8 activations: operators, and those between conversions with them.

    Gives the name of each and its operators in order, the last one of which writes its result.
    """
    makers = {index: operator for operator in graph.operators for index in operator.outputs}
    for operator in graph.operators:
        if not all(_is_int8(graph, i) for i in operator.outputs):
            continue
        read = _activations(model, graph, operator)
        if read and all(_is_int8(graph, i) for i in read):
            yield _kind(model, operator), [operator]
            continue
        middle = makers.get(read[0]) if _kind(model, operator) == "QUANTIZE" and read else None
        before = [] if middle is None else list(map(makers.get, _activations(model, graph, middle)))
        if before and all(o is not None and _kind(model, o) == "DEQUANTIZE" for o in before):
            yield _kind(model, middle), [*before, middle, operator]


def _kind(model: Any, operator: Any) -> str:
    code = model.operatorCodes[operator.opcodeIndex]
    return operator_name(code.builtinCode, code.deprecatedBuiltinCode, code.customCode)


def _activations(model: Any, graph: Any, operator: Any) -> list[int]:
    """Those of its inputs that are no constants."""
    return [i for i in operator.inputs if i >= 0 and _is_activation(model, graph, i)]


def _is_fed(model: Any, graph: Any, index: int) -> bool:
    return index >= 0 and _is_activation(model, graph, index) and _is_int8(graph, index)


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
