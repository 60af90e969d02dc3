"""The plan an int8 file obeys, read back from the file itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.errors import ArtifactRefused
from edgeconv.files.onnx.load import load
from edgeconv.files.tflite.file import TfliteTensor, read
from edgeconv.files.tflite.named_tensors import named_tensors
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.qdq_names import requantized_integers_of, rounded_later, widened
from edgeconv.graph.view import activation_inputs, constant_of, name_of
from edgeconv.quantize.observe.targets import targets
from edgeconv.quantize.plan.affine import params
from edgeconv.quantize.plan.parameters import (
    Edge,
    IntegerType,
    Plan,
    QuantizedConstant,
    QuantParams,
)
from edgeconv.quantize.plan.products import products
from edgeconv.quantize.plan.shared import tied_tensors
from edgeconv.quantize.plan.weights import layer_of
from edgeconv.verify.diagnose.hub import constant_in_hub_order, initializers_read

#: Parameters of a tensor, or None where the file holds it in float or not at all.
Find = Callable[[str], QuantParams | None]


def of_tflite(model: ir.Model, path: Path) -> Plan:
    """The plan of an int8 TFLite file whose tensors carry the hub's names.

    Raises:
        ArtifactRefused: the file is damaged, or not of this graph.
    """
    held = named_tensors(read(path))
    constants = {}
    for name, (node, index) in initializers_read(model).items():
        found = _tflite_constant(node, index, held.get(name))
        if found is not None:
            constants[name] = found

    def params_of(name: str) -> QuantParams | None:
        for candidate in (name, f"{name}/int8"):
            tensor = held.get(candidate)
            if tensor is not None and tensor.dtype == np.int8 and len(tensor.scale) == 1:
                return params(tensor.scale[0], int(tensor.zero_point[0]))
        return None

    def is_float(name: str) -> bool:
        made = held.get(f"{name}/float", held.get(name))
        return made is not None and made.dtype == np.float32 and made.producer != "DEQUANTIZE"

    activations = _activations(model, path, params_of)
    islands = _islands(model, constants, activations, is_float)
    edges = {}
    for edge, name in _concat_edges(model):
        if edge.consumer in islands or name not in activations:
            continue
        output = activations.get(_output_of(model, edge.consumer))
        if output is not None and output.key != activations[name].key:
            edges[edge] = _requantized(held, name, output)
    edges |= _symmetric_edges(model, held, activations, islands)
    return Plan(activations, constants, edges, islands)


def of_onnx(model: ir.Model, path: Path) -> Plan:
    """The plan of an int8 ONNX file in QDQ form, named as `graph.qdq_names` says.

    Raises:
        ArtifactRefused: it is no ONNX file, or not of this graph.
    """
    graph = load(path).graph
    held = {
        name: array
        for name, value in graph.initializers.items()
        if (array := constant_of(value)) is not None
    }
    constants = {}
    for name, (node, index) in initializers_read(model).items():
        for dtype in ("int8", "int32"):
            values = held.get(f"{name}::{dtype}")
            if values is not None:
                scale, zero_point = held[f"{name}::scale"], held[f"{name}::zero_point"]
                made = _constant_params(node, index, scale, zero_point, dtype)
                constants[name] = QuantizedConstant(made, values)

    def params_of(name: str) -> QuantParams | None:
        scale, zero_point = held.get(f"{name}::scale"), held.get(f"{name}::zero_point")
        if scale is None or zero_point is None or scale.size != 1:
            return None
        shift = 128 if zero_point.dtype == np.uint8 else 0
        return params(scale.item(), int(zero_point.item()) - shift)

    activations = _activations(model, path, params_of)
    spelled_out = _computed_in_float(graph)
    islands = _islands(model, constants, activations, lambda name: name in spelled_out)
    edges = {}
    for edge, name in _concat_edges(model):
        found = params_of(requantized_integers_of(name, edge.consumer, edge.index))
        if found is not None:
            edges[edge] = found
    return Plan(activations, constants, edges, islands)


def floats_of_tflite(model: ir.Model, path: Path) -> dict[str, NDArray[Any]]:
    """The constants of the graph that a TFLite file holds in float, in the hub's order.

    An operator in float has the weights that equalization left it, not the float net's.

    Raises:
        ArtifactRefused: the file is damaged.
    """
    held = named_tensors(read(path))
    found = {}
    for name, (node, index) in initializers_read(model).items():
        tensor = held.get(name)
        if tensor is not None and tensor.data is not None and tensor.dtype == np.float32:
            values = constant_in_hub_order(node, index, tensor.data)
            if values is not None:
                found[name] = values
    return found


def floats_of_onnx(model: ir.Model, path: Path) -> dict[str, NDArray[Any]]:
    """The same of an ONNX file; raises ArtifactRefused where it is none."""
    wanted = initializers_read(model)
    return {
        name: array
        for name, value in load(path).graph.initializers.items()
        if name in wanted and (array := constant_of(value)) is not None
    }


def _constant_params(
    node: ir.Node, index: int, scale: NDArray[Any], zero_point: NDArray[Any], dtype: str
) -> QuantParams:
    layer = layer_of(node)
    stored: IntegerType = "int32" if dtype == "int32" else "int8"
    zero = zero_point.astype(np.int32)
    if layer is None or index > 2:
        return QuantParams(np.asarray(scale.reshape(-1)[0]), np.asarray(zero.reshape(-1)[0]))
    axis = layer.axis if index == 1 else 0
    return QuantParams(scale.astype(np.float32).reshape(-1), zero.reshape(-1), stored, axis)


def _tflite_constant(
    node: ir.Node, index: int, tensor: TfliteTensor | None
) -> QuantizedConstant | None:
    if tensor is None or tensor.data is None or not len(tensor.scale):
        return None
    values = constant_in_hub_order(node, index, tensor.data)
    if values is None:
        return None
    dtype = "int32" if tensor.dtype == np.int32 else "int8"
    params = _constant_params(node, index, tensor.scale, tensor.zero_point, dtype)
    return QuantizedConstant(params, values)


def _activations(model: ir.Model, path: Path, params_of: Find) -> dict[str, QuantParams]:
    """Parameters of every tensor; one the file does not write has its source's."""
    ties = {output: source for node in model.graph for source, output in tied_tensors(node)}
    found: dict[str, QuantParams] = {}
    for target in targets(model):
        params = params_of(target.name)
        if params is None and target.name in ties:
            params = found.get(ties[target.name])
        if params is not None:
            found[target.name] = params
    for target in targets(model):  # a tensor the file only holds in the parts it is cut into
        parts = [name_of(use.node.outputs[0]) for use in target.value.uses()]
        cut = all(use.node.op_type == "Slice" for use in target.value.uses())
        if target.name not in found and cut and parts and parts[0] in found:
            found[target.name] = found[parts[0]]
    if not found:
        raise ArtifactRefused(f"{path} holds no quantized tensor of this net's names")
    return found


def _islands(
    model: ir.Model,
    constants: Mapping[str, QuantizedConstant],
    activations: Mapping[str, QuantParams],
    is_float: Callable[[str], bool],
) -> frozenset[str]:
    """Nodes the file computes in float: by their weights, what they write, or what they read."""
    found = set()
    without = {target.name for target in targets(model)} - set(activations)
    for target in targets(model):
        node = target.producer
        if node is None:
            continue
        layer = layer_of(node)
        in_float = layer is not None and name_of(layer.weight) not in constants
        reads = {name_of(value) for _, value in activation_inputs(node)}
        if in_float or target.name in without or reads & without or is_float(target.name):
            found.add(node.name or "")
    return frozenset(found)


def _computed_in_float(graph: ir.Graph) -> set[str]:
    """The hub tensors of an ONNX file that operators give which read integers widened to float."""
    found = set()
    for node in graph:
        if node.op_type == "QuantizeLinear":
            continue
        for value in node.inputs:
            name = (value.name or "") if value is not None else ""
            maker = value.producer() if value is not None else None
            hub_name = name.removesuffix("::in_float")
            if rounded_later(name) or (maker is not None and maker.name == widened(hub_name)):
                written = name_of(node.outputs[0])
                found.add(rounded_later(written) or written)
    return found


def _concat_edges(model: ir.Model) -> list[tuple[Edge, str]]:
    return [
        (Edge(node.name or "", index), name_of(value))
        for node in model.graph
        for index, value in activation_inputs(node)
    ]


def _output_of(model: ir.Model, node_name: str) -> str:
    """The output of a concatenation, "" for any other node: nothing else reads on its grid."""
    for node in model.graph:
        if node.name == node_name and operator_of(node).scales == "joined":
            return name_of(node.outputs[0])
    return ""


def _symmetric_edges(
    model: ir.Model,
    held: Mapping[str, TfliteTensor],
    activations: Mapping[str, QuantParams],
    islands: frozenset[str],
) -> dict[Edge, QuantParams]:
    """The operand of each product that it sees at zero point 0, where neither tensor has that."""
    found = {}
    for node, names in products(model, islands):
        grids = [activations.get(name) for name in names]
        if any(grid is None or not grid.zero_point for grid in grids):
            continue
        for index, name in enumerate(names):
            copies = [copy for copy in _copies(held, name) if not copy.zero_point]
            if copies:
                found[Edge(node.name or "", index)] = copies[0]
    return found


def _requantized(held: Mapping[str, TfliteTensor], name: str, output: QuantParams) -> QuantParams:
    """The requantized copy of a tensor that a concatenation reads."""
    copies = _copies(held, name)
    return next(
        (copy for copy in copies if copy.key == output.key), copies[0] if copies else output
    )


def _copies(held: Mapping[str, TfliteTensor], name: str) -> list[QuantParams]:
    """The grids of a tensor's requantized copies."""
    return [
        params(tensor.scale[0], int(tensor.zero_point[0]))
        for found, tensor in held.items()
        if found.startswith(f"{name}/requantized") and len(tensor.scale) == 1
    ]
