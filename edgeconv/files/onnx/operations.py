"""Reads the operators of an ONNX file of any tool; shapes are inferred where it states none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
import onnx_ir as ir
from google.protobuf.message import DecodeError
from onnx import inliner, shape_inference

from edgeconv.errors import ArtifactRefused
from edgeconv.files.onnx.contributed_shapes import complete
from edgeconv.files.onnx.memory import Memory, dtype_of, is_absorbed, shape_of
from edgeconv.files.operations import (
    Convolution,
    End,
    ModelOperations,
    Operation,
    Tensor,
    elements,
)
from edgeconv.files.operator_kinds import VIEWS
from edgeconv.graph.view import constant_of, sole_consumer

#: An ONNX file is one protobuf message, which cannot be larger.
_LARGEST_BYTES = 2**31 - 1
_QUANTIZE = frozenset({"QuantizeLinear", "DequantizeLinear"})
#: What the readers raise of a file that is damaged, or that contradicts itself.
_DAMAGE = (
    DecodeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    RuntimeError,  # the inliner, and a file nested past Python's stack
    shape_inference.InferenceError,
    onnx.checker.ValidationError,
)

#: Inputs that hold parameters; the others are sizes, bounds, scales and zero points.
_PARAMETERS: Mapping[str, tuple[int, ...]] = {
    "QLinearConv": (3, 8),
    "QLinearMatMul": (0, 3),
    "QGemm": (3, 6),
    "ConvInteger": (1,),
    "MatMulInteger": (0, 1),
    "BatchNormalization": (1, 2),
    **dict.fromkeys(("Conv", "ConvTranspose", "Gemm"), (1, 2)),
    **dict.fromkeys(("MatMul", "Add", "Sub", "Mul", "Div", "PRelu"), (0, 1)),
}
_FLOAT_LAYERS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
_FLOATS = frozenset({"float16", "float32", "float64"})
#: Where the weights of a convolution stand.
_WEIGHTS = {"Conv": 1, "ConvInteger": 1, "QLinearConv": 3}


def read_onnx(path: Path) -> ModelOperations:
    """The operators of a file's main graph, local functions inlined.

    Constant nodes, and what engines compute once from constants, do not count.

    Raises:
        ArtifactRefused: it is no ONNX file.
    """
    size = path.stat().st_size
    if size > _LARGEST_BYTES:
        raise ArtifactRefused(f"{path}: {size} bytes; an ONNX file holds at most {_LARGEST_BYTES}")
    try:
        loaded = onnx.load(path, load_external_data=False)
        if not loaded.HasField("graph") or not loaded.graph.output:
            raise ArtifactRefused(f"{path} is no ONNX file: it holds no graph")
        if loaded.functions:
            loaded = inliner.inline_local_functions(loaded)
        graph = ir.from_proto(shape_inference.infer_shapes(loaded)).graph
        return _read(graph, size)
    except _DAMAGE as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise ArtifactRefused(f"{path} is no ONNX file: {reason}") from error


def _read(graph: ir.Graph, size: int) -> ModelOperations:
    complete(graph)
    memory = Memory(graph)
    fed = [value for value in graph.inputs if not value.is_initializer()]
    converting = {id(part) for node in graph for part in _spelled_dequantization(node)}
    return ModelOperations(
        format="onnx",
        bytes=size,
        inputs=tuple(map(_end, fed)),
        outputs=tuple(map(_end, graph.outputs)),
        operations=tuple(
            _operation(node, memory)
            for node in graph
            if node.op_type not in _QUANTIZE
            and id(node) not in converting
            and not all(memory.is_constant(value) for value in node.outputs)
        ),
        fed=tuple(map(memory.of, fed)),
        given=tuple(map(memory.of, graph.outputs)),
    )


def _spelled_dequantization(cast: ir.Node) -> list[ir.Node]:
    """The nodes of a DequantizeLinear that is spelled out, from its first: Cast, Sub, Mul.

    Files have it where an optimizer would take what reads it for an int8 operator.
    """
    if cast.op_type != "Cast" or cast.inputs[0] is None:
        return []
    if cast.inputs[0].dtype not in (ir.DataType.INT8, ir.DataType.UINT8):
        return []
    nodes = [cast]
    for kind in ("Sub", "Mul"):
        after = sole_consumer(nodes[-1].outputs[0])
        if after is not None and after.op_type == kind and constant_of(after.inputs[1]) is not None:
            nodes.append(after)
    return nodes if nodes[-1].op_type == "Mul" else []


def _operation(node: ir.Node, memory: Memory) -> Operation:
    read = [value for value in node.inputs if value is not None]
    written = [value for value in node.outputs if value.name]
    stored_in = tuple(map(memory.of, read))
    stored_out = tuple(map(memory.of, written))
    computes = node.op_type not in VIEWS and not is_absorbed(node)
    return Operation(
        type=node.op_type,
        name=node.name or (str(written[0].name) if written else node.op_type),
        multiply_adds=_multiply_adds(node),
        parameters=_parameters(node, memory),
        output_elements=sum(elements(shape_of(value)) for value in written),
        activation_dtypes=frozenset(
            tensor.dtype
            for index, tensor in enumerate((*stored_in, *stored_out))
            if not tensor.is_constant or _is_float_weight(node, index, tensor)
        ),
        reads=stored_in if computes else (),
        writes=_distinct(stored_out) if computes else (),
        convolution=_convolution(node),
    )


def _is_float_weight(node: ir.Node, index: int, tensor: Tensor) -> bool:
    """Whether a tensor is a layer's weight in float: then no engine multiplies integers there."""
    return node.op_type in _FLOAT_LAYERS and index == 1 and tensor.dtype in _FLOATS


def _distinct(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tuple({tensor.name: tensor for tensor in tensors}.values())


def _parameters(node: ir.Node, memory: Memory) -> int:
    held = [
        node.inputs[index]
        for index in _PARAMETERS.get(node.op_type, ())
        if index < len(node.inputs)
    ]
    return sum(elements(shape_of(v)) for v in held if v is not None and memory.is_constant(v))


def _multiply_adds(node: ir.Node) -> int:
    shapes = [shape_of(value) for value in node.inputs]
    output = elements(shape_of(node.outputs[0])) if node.outputs else 0
    if node.op_type in _WEIGHTS:
        return output * elements(shapes[_WEIGHTS[node.op_type]][1:])
    if node.op_type == "ConvTranspose":
        return elements(shapes[0]) * elements(shapes[1][1:])
    if node.op_type in ("MatMul", "MatMulInteger", "QLinearMatMul"):
        return output * elements(shapes[0][-1:])
    if node.op_type in ("Gemm", "QGemm"):
        side = 0 if _integer(node, "transA", 0) else 1
        return output * elements(shapes[0][side : side + 1])
    return 0


def _convolution(node: ir.Node) -> Convolution | None:
    if node.op_type not in _WEIGHTS:
        return None
    source = shape_of(node.inputs[0])
    weight = shape_of(node.inputs[_WEIGHTS[node.op_type]])
    output = shape_of(node.outputs[0])
    if min(len(source), len(weight), len(output)) < 3:
        return None
    return Convolution(
        kernel=elements(weight[2:]),
        in_channels=source[1] or 1,
        out_channels=weight[0] or 1,
        groups=max(1, _integer(node, "group", 1)),
        in_positions=elements((source[0], *source[2:])),
        out_positions=elements((output[0], *output[2:])),
    )


def _integer(node: ir.Node, name: str, default: int) -> int:
    attribute = node.attributes.get(name)
    return default if attribute is None else attribute.as_int()


def _end(value: ir.Value) -> End:
    dtype = dtype_of(value) if value.dtype is not None else "unknown"
    return End(str(value.name), shape_of(value), dtype)
