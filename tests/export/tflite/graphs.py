"""Hub-like graphs of one or a few nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[Any]
Shape = tuple[int, ...]


def weights(*shape: int, seed: int = 0) -> Array:
    """Random float32 numbers of the size that trained weights have."""
    fan_in = max(int(np.prod(shape[1:])), 1)
    return (np.random.default_rng(seed).normal(size=shape) / np.sqrt(fan_in)).astype(np.float32)


def of_node(
    op_type: str,
    shape: Shape,
    *constants: Array | None,
    inputs: Sequence[Shape] = (),
    outputs: int = 1,
    opset: int = 17,
    **attributes: Any,
) -> ir.Model:
    """One node that reads `x` of this shape, further computed inputs, then constants."""
    names = ["x", *(f"x{i}" for i in range(len(inputs)))]
    constant_names = ["" if c is None else f"c{i}" for i, c in enumerate(constants)]
    results = ["y"] if outputs == 1 else [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op_type, [*names, *constant_names], results, name="node", **attributes)
    shapes = dict(zip(names, [shape, *inputs], strict=True))
    arrays = {n: c for n, c in zip(constant_names, constants, strict=True) if c is not None}
    return of_nodes([node], shapes, arrays, results, opset)


def of_nodes(
    nodes: Sequence[onnx.NodeProto],
    inputs: dict[str, Shape],
    constants: dict[str, Array],
    outputs: Sequence[str],
    opset: int = 17,
) -> ir.Model:
    """Any nodes, with inferred shapes."""
    graph = helper.make_graph(
        list(nodes),
        "small",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [helper.make_empty_tensor_value_info(n) for n in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    imports = [helper.make_opsetid("", opset)]
    proto = helper.make_model(graph, opset_imports=imports, ir_version=8 if opset == 17 else 9)
    return ir.from_proto(onnx.shape_inference.infer_shapes(proto, strict_mode=True))


def feeds(model: ir.Model, seed: int = 1) -> dict[str, Array]:
    """Random inputs, some of them past every usual clamp."""
    rng = np.random.default_rng(seed)
    return {
        value.name or "": (3 * rng.normal(size=[int(d) for d in value.shape or ()])).astype(
            np.float32
        )
        for value in model.graph.inputs
    }


def reference(
    model: ir.Model, inputs: dict[str, Array], *, everything: bool = False
) -> dict[str, Array]:
    """What onnxruntime gives, graph optimizations off; with `everything`, every tensor."""
    proto = ir.to_proto(model)
    if everything:
        known = {output.name for output in proto.graph.output}
        computed = [name for node in proto.graph.node for name in node.output if name]
        for name in computed:
            if name not in known:
                proto.graph.output.append(helper.make_empty_tensor_value_info(name))
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(proto.SerializeToString(), options)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))
