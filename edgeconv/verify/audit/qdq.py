"""QDQ pairs that no runtime fuses, as the graph alone shows them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx_ir as ir

from edgeconv.files.onnx.nodes import foreign, is_clamp, is_dequantized
from edgeconv.graph.fusion import clip_bounds
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import constant_of, string
from edgeconv.quantize.plan.affine import clamps_alike
from edgeconv.verify.audit.findings import NO_KERNEL, AuditFinding


def pair_findings(graph: ir.Graph) -> Iterator[AuditFinding]:
    """What stands in the way of fusing quantize and dequantize nodes into the operators."""
    yield from _one(
        [n for n in graph if _is_layer(n) and _half_fed(n)],
        "half a pair",
        "one of activation and weight is dequantized, the other is float: the layer runs in float",
        "quantize both",
    )
    yield from _one(
        [n for n in graph if _is_layer(n) and _fed(n) and _leaves_float(n)],
        "no quantize behind",
        "layers fed from integers whose output is not quantized: they run in float",
        "put a QuantizeLinear behind them; at a graph's end, quantize the output",
    )
    without = [n for n in graph if _between(n) and _has_no_kernel(n)]
    types = ", ".join(sorted({node.op_type for node in without}))
    yield from _one(
        without,
        NO_KERNEL,
        f"{types} between pairs, which onnxruntime's CPU kernels compute in float nevertheless",
        "leave them in float knowingly, or replace them (HardSwish by ReLU6, for instance)",
    )
    yield from _one(
        [n for n in graph if n.op_type == "QuantizeLinear" and _is_idle(n)],
        "idle pairs",
        "DequantizeLinear straight into QuantizeLinear with the same parameters: nothing happens "
        "there, and not every runtime removes it",
        "remove both",
    )
    yield from _one(
        [n for n in graph if is_clamp(n) and _stands_alone(n)],
        "clamp between pairs",
        "Relu or Clip between pairs of its own: a pass over memory that the layer before could do "
        "for free",
        "quantize behind the activation only",
    )


def _one(nodes: list[ir.Node], rule: str, message: str, remedy: str) -> Iterator[AuditFinding]:
    if nodes:
        names = tuple(node.name or str(node.outputs[0].name) for node in nodes)
        yield AuditFinding("warning", rule, f"{len(nodes)}: {message}", names, remedy)


def _is_layer(node: ir.Node) -> bool:
    return operator_of(node).weights is not None


def _has_no_kernel(node: ir.Node) -> bool:
    """Whether onnxruntime computes a node in float, pairs or not, on every kind of CPU."""
    operator = operator_of(node)
    if operator.kind == "resize":
        return string(node, "mode", "nearest") != "nearest"
    if is_clamp(node):
        return not _is_implied(node)
    return operator.engines.onnxruntime == "float" or foreign(node).in_float


def _is_implied(clamp: ir.Node) -> bool:
    """Whether every reader quantizes to a grid that ends where the clamp does, or before."""
    bounds = clip_bounds(clamp)
    return bounds is not None and all(
        use.node.op_type == "QuantizeLinear" and _ends_within(use.node, bounds)
        for use in clamp.outputs[0].uses()
    )


def _ends_within(quantize: ir.Node, bounds: tuple[float, float]) -> bool:
    source, *stored = quantize.inputs[1:]
    scale = constant_of(source)
    zero_point = constant_of(stored[0]) if stored else np.zeros((), np.uint8)
    if scale is None or zero_point is None or scale.size != 1 or scale.item() <= 0:
        return False
    return clamps_alike(scale.item(), zero_point.item(), zero_point.dtype, bounds)


def _half_fed(node: ir.Node) -> bool:
    """Activation from a pair and float weight, or the other way round."""
    if len(node.inputs) < 2 or constant_of(node.inputs[0]) is not None:
        return False
    return is_dequantized(node.inputs[0]) != is_dequantized(node.inputs[1])


def _fed(node: ir.Node) -> bool:
    return len(node.inputs) > 1 and all(is_dequantized(value) for value in node.inputs[:2])


def _between(node: ir.Node) -> bool:
    return any(map(is_dequantized, node.inputs)) and not _leaves_float(node)


def _leaves_float(node: ir.Node) -> bool:
    """Whether something other than a QuantizeLinear, past one clamp, reads the output."""
    value = node.outputs[0]
    readers = [use.node for use in value.uses()]
    if len(readers) == 1 and is_clamp(readers[0]):
        value = readers[0].outputs[0]
        readers = [use.node for use in value.uses()]
    if value.is_graph_output():
        return True
    return any(reader.op_type != "QuantizeLinear" for reader in readers)


def _stands_alone(node: ir.Node) -> bool:
    """A clamp that reads a pair right behind a layer, and writes into another."""
    if not _between(node):
        return False
    dequantize = node.inputs[0].producer() if node.inputs[0] is not None else None
    quantize = _maker(dequantize)
    layer = _maker(quantize)
    return layer is not None and operator_of(layer).absorbs


def _is_idle(node: ir.Node) -> bool:
    before = _maker(node)
    if before is None or before.op_type != "DequantizeLinear":
        return False
    one = [constant_of(value) for value in before.inputs[1:]]
    other = [constant_of(value) for value in node.inputs[1:]]
    return len(one) == len(other) and all(
        a is not None and b is not None and np.array_equal(a, b)
        for a, b in zip(one, other, strict=True)
    )


def _maker(node: ir.Node | None) -> ir.Node | None:
    if node is None or not node.inputs or node.inputs[0] is None:
        return None
    return node.inputs[0].producer()
