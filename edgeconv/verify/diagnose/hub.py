"""The hub graph as a bundle's float ONNX file holds it, and where its tensors lie in TFLite."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.errors import ArtifactRefused
from edgeconv.files.onnx.load import load
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.passes.edit import substitute
from edgeconv.graph.view import (
    input_of,
    integer,
    is_real,
    name_of,
    set_constant,
    shape_of,
    sole_consumer,
)

Array = NDArray[Any]


def of_file(path: Path) -> ir.Model:
    """The float graph; one that takes bytes takes them as float32, as the hub does.

    Raises:
        ArtifactRefused: the file is no ONNX file.
    """
    model = load(path)
    for taken in model.graph.inputs:
        reader = sole_consumer(taken)
        if taken.dtype == ir.DataType.UINT8 and reader is not None and is_real(reader.outputs[0]):
            taken.type = ir.TensorType(ir.DataType.FLOAT)
            substitute(model, reader.outputs[0], taken)
            model.graph.remove(reader, safe=True)
    return model


def with_constants(model: ir.Model, constants: Mapping[str, Array]) -> ir.Model:
    """A copy with some initializers replaced by arrays of their own shape."""
    copy = model.clone()
    for name, array in constants.items():
        value = copy.graph.initializers[name]
        if tuple(array.shape) != shape_of(value):
            raise ArtifactRefused(
                f"the files hold {name} in the shapes {tuple(array.shape)} and {shape_of(value)}; "
                "they are not of one export"
            )
        set_constant(copy, name, array)
    return copy


def flattened_image(value: ir.Value | None) -> tuple[int, int, int] | None:
    """(C, H, W) of the image a value of two axes was flattened from, None where it was not."""
    producer = None if value is None else value.producer()
    if value is None or producer is None or len(shape_of(value)) != 2:
        return None
    source = producer.inputs[0]
    if producer.op_type not in ("Flatten", "Reshape") or source is None:
        return None
    shape = shape_of(source)
    if len(shape) != 4 or shape_of(value)[0] != shape[0]:
        return None
    return shape[1], shape[2], shape[3]


def constant_in_hub_order(node: ir.Node, index: int, array: Array) -> Array | None:
    """A TFLite constant brought to the hub's order; None where the file has another shape."""
    value = input_of(node, index)
    shape = shape_of(value)
    weights = operator_of(node).weights
    if weights is not None and index == weights.slot:
        array = _weight(node, array)
    elif array.ndim == 4:
        array = array.transpose(0, 3, 1, 2)
    elif array.ndim == 3 and node.op_type == "PRelu":
        array = array.transpose(2, 0, 1)
    if array.size != int(np.prod(shape)):
        return None
    return np.ascontiguousarray(array).reshape(shape)


def _weight(node: ir.Node, array: Array) -> Array:
    """OHWI, 1HWO or (outputs, inputs) to the hub's order."""
    if node.op_type == "ConvTranspose":
        return array.transpose(3, 0, 1, 2)
    if node.op_type == "Conv":
        source = node.inputs[0]
        channels = shape_of(source)[1] if source is not None else 0
        depthwise = 1 < integer(node, "group", 1) == channels
        return array.transpose(3, 0, 1, 2) if depthwise else array.transpose(0, 3, 1, 2)
    image = flattened_image(node.inputs[0])
    if image is not None:
        channels, height, width = image
        by_pixel = array.reshape(len(array), height, width, channels)
        array = by_pixel.transpose(0, 3, 1, 2).reshape(len(array), -1)
    plain = node.op_type == "Gemm" and integer(node, "transB", 0) == 1
    return array if plain else array.T


def initializers_read(model: ir.Model) -> Mapping[str, tuple[ir.Node, int]]:
    """Every float initializer that some node computes with: its node and input."""
    return {
        name_of(value): (node, index)
        for node in model.graph
        for index, value in enumerate(node.inputs)
        if value is not None
        and value.const_value is not None
        and is_real(value)
        and not operator_of(node).is_setting(index)
    }
