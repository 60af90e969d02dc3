"""Integer weights and biases of convolutions and fully connected layers.

Weights: int8 per output channel, symmetric, integers in [-127, 127]. Biases: int32 whose scale is
exactly the product (in float32) of the input's scale and the weight's, as every integer kernel
assumes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.errors import RefusedError
from edgeconv.graph.operators.operator import Operator
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import constant_of, input_of, integer, name_of, shape_of
from edgeconv.quantize.plan.affine import WEIGHT_MAX, quantize, symmetric
from edgeconv.quantize.plan.parameters import QuantizedConstant

#: A bias may take half of the int32 accumulator; the sum of products has the other half.
BIAS_LIMIT = 2**30
PRODUCTS_LIMIT = 2**30
#: Farthest an int8 input lies from its zero point.
MOST_INPUT = 255
#: Kernels scale accumulators by input scale x weight scale / output scale, as a 31-bit multiplier
#: and a shift; below this the multiplier loses bits, and XNNPACK refuses less than 2^-32.
LEAST_MULTIPLIER = 2.0**-24


@dataclass(frozen=True)
class Layer:
    """A node that multiplies activations with constant weights.

    Attributes:
        node: of an operator with weights, here constant ones.
        weight: the weight's initializer.
        bias: the bias's initializer, None where the node has none.
        axis: output-channel axis of the weight in ONNX layout.
    """

    node: ir.Node
    weight: ir.Value
    bias: ir.Value | None
    axis: int

    @property
    def operator(self) -> Operator:
        """What the node's operator is."""
        return operator_of(self.node)

    @property
    def has_filters(self) -> bool:
        """Whether each output channel, along axis 1, has rows of the weight to itself."""
        return self.operator.weights is not None and self.operator.weights.filters

    @property
    def source(self) -> ir.Value:
        """The activation it multiplies."""
        return input_of(self.node)


def layer_of(node: ir.Node) -> Layer | None:
    """The node as a layer, None where it is none.

    A product of two computed tensors is none, nor is one with a constant matrix for each of a
    batch, of whose output channels none has a row of weights to itself.
    """
    operator = operator_of(node)
    found = operator.weights
    weight = None if found is None else node.inputs[found.slot]
    if found is None or weight is None or weight.const_value is None:
        return None
    if operator.kind == "product" and len(shape_of(weight)) != 2:
        return None
    slot = found.bias_slot
    bias = node.inputs[slot] if slot is not None and slot < len(node.inputs) else None
    axis = found.output_axis
    if axis == "depends":
        axis = 0 if integer(node, "transB", 0) else 1
    return Layer(node, weight, bias, axis % len(shape_of(weight)))


def quantize_layer(
    layer: Layer, input_scale: float, output_scale: float
) -> dict[str, QuantizedConstant]:
    """Integer weight and bias of a layer, by initializer name.

    A channel's weight scale is raised where its bias or the sum of its products could overflow the
    accumulator, or its multiplier would fall below what kernels represent (a channel of zeros with
    a bias).

    Raises:
        RefusedError: NaN or infinity in the weight or the bias; names the tensor.
    """
    weight = _finite(layer.weight)
    bias = None if layer.bias is None else _finite(layer.bias).reshape(-1)
    scales = _weight_scales(weight, layer.axis)
    scales = np.maximum(scales, LEAST_MULTIPLIER * output_scale / input_scale)
    scales = np.maximum(scales, _products(weight, layer.axis) / PRODUCTS_LIMIT)
    if bias is not None:
        scales = np.maximum(scales, np.abs(bias) / (BIAS_LIMIT * input_scale))
    stored = scales.astype(np.float32)
    weight_params = symmetric(stored, "int8", layer.axis)
    found = {
        name_of(layer.weight): QuantizedConstant(weight_params, quantize(weight, weight_params))
    }
    if layer.bias is not None and bias is not None:
        bias_params = symmetric(np.float32(input_scale) * stored, "int32", 0)
        found[name_of(layer.bias)] = QuantizedConstant(
            bias_params, quantize(bias, bias_params).reshape(_finite(layer.bias).shape)
        )
    return found


def _finite(value: ir.Value) -> NDArray[np.float32]:
    array = constant_of(value)
    if array is None:
        raise RefusedError(f"tensor {value.name} must be a constant, it is computed at run time")
    if not np.isfinite(array).all():
        raise RefusedError(f"tensor {value.name} holds NaN or infinity; check the weights file")
    return array.astype(np.float32)


def _weight_scales(weight: NDArray[np.float32], axis: int) -> NDArray[np.float64]:
    """Scale of each output channel that its largest weight just fits, (channels,)."""
    others = tuple(i for i in range(weight.ndim) if i != axis)
    scales: NDArray[np.float64] = np.abs(weight).max(axis=others).astype(np.float64) / WEIGHT_MAX
    return scales


def _products(weight: NDArray[np.float32], axis: int) -> NDArray[np.float64]:
    """Largest sum of products of each output channel, in units of the weight's scale, (channels,).

    With integers q = weight / scale the sum of |q| |x| is at most this over the scale.
    """
    others = tuple(i for i in range(weight.ndim) if i != axis)
    total: NDArray[np.float64] = np.abs(weight).sum(axis=others, dtype=np.float64)
    return MOST_INPUT * total
