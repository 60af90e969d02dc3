"""Operator versions are those that TensorFlow's converter writes for the same operators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgeconv.export.tflite import versions
from edgeconv.export.tflite.program import Operator, Quantization, Tensor

_CODES = {code: name for name, code in vars(schema.BuiltinOperator).items() if name[0] != "_"}
_TYPES = {
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.INT32: np.int32,
    schema.TensorType.INT8: np.int8,
    schema.TensorType.UINT8: np.uint8,
}


def tensorflow_file(*, int8: bool) -> bytes:
    """A file with most operators that the lowerings write, by TensorFlow's converter."""
    import tensorflow as tf

    rng = np.random.default_rng(0)

    def weight(*shape: int) -> Any:
        return tf.constant(rng.normal(size=shape).astype(np.float32))

    @tf.function(input_signature=[tf.TensorSpec([1, 8, 8, 4])])
    def net(x: Any) -> list[Any]:
        kernel, deep = weight(3, 3, 4, 4), weight(3, 3, 4, 1)
        y = tf.nn.relu6(tf.nn.conv2d(x, kernel, 1, "SAME") + weight(4))
        pairs = [
            tf.nn.depthwise_conv2d(y, deep, [1, 1, 1, 1], "SAME"),
            tf.nn.depthwise_conv2d(y, deep, [1, 1, 1, 1], "SAME", dilations=[2, 2]),
            tf.nn.conv2d(y, weight(3, 3, 2, 4), 1, "SAME"),
            tf.nn.conv2d_transpose(y, weight(2, 2, 4, 4), [1, 16, 16, 4], 2)[:, ::2, ::2],
        ]
        z = pairs[0] + pairs[1] * pairs[2] - pairs[3]
        others = [
            tf.concat([y, z], 3),
            tf.nn.max_pool2d(z, 2, 2, "VALID"),
            tf.nn.avg_pool2d(z, 2, 2, "VALID"),
            tf.reduce_mean(z, [1, 2], keepdims=True),
            tf.reduce_max(z, [3]),
            tf.pad(z, [[0, 0], [1, 1], [0, 2], [0, 0]]),
            tf.pad(z, [[0, 0], [1, 1], [0, 2], [0, 0]], constant_values=-1.0),
            tf.pad(z, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT"),
            tf.slice(z, [0, 1, 1, 0], [1, 4, 4, 2]),
            *tf.split(z, 2, 3),
            tf.transpose(z, [0, 2, 1, 3]),
            tf.transpose(tf.reshape(z, [1, 8, 8, 2, 2]), [0, 1, 2, 4, 3]),
            tf.sigmoid(z),
            tf.tanh(z),
            tf.nn.leaky_relu(z, 0.1),
            tf.image.resize(z, [16, 16], "bilinear"),
            tf.image.resize(z, [16, 16], "nearest"),
            tf.compat.v1.image.resize_bilinear(z, [16, 16], half_pixel_centers=False),
            tf.compat.v1.image.resize_nearest_neighbor(z, [16, 16]),
            tf.nn.space_to_depth(z, 2),
            tf.gather(z, [1, 2], axis=3),
            tf.maximum(z, y),
            tf.minimum(z, y),
            tf.abs(z),
            tf.nn.elu(z),
        ]
        features = tf.reshape(z, [1, 256])
        logits = tf.matmul(features, weight(256, 10)) + weight(10)
        return [*others, tf.nn.softmax(logits), tf.nn.log_softmax(logits)]

    converter = tf.lite.TFLiteConverter.from_concrete_functions([net.get_concrete_function()])
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: (
            [rng.normal(size=(1, 8, 8, 4)).astype(np.float32)] for _ in range(4)
        )
    return bytes(converter.convert())


def read(data: bytes) -> Iterator[tuple[Operator, int]]:
    """Operators of a file as the writer's own objects, with the versions the file gives them."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    (subgraph,) = model.subgraphs
    tensors = [_tensor(tensor) for tensor in subgraph.tensors]
    for operator in subgraph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        name = _CODES[max(code.builtinCode, code.deprecatedBuiltinCode)]
        inputs = tuple(None if i < 0 else tensors[i] for i in operator.inputs)
        outputs = tuple(tensors[i] for i in operator.outputs)
        yield Operator(name, inputs, outputs, operator.builtinOptions), code.version


def _tensor(tensor: Any) -> Tensor:
    quantization = tensor.quantization
    found = None
    if quantization is not None and quantization.scale is not None:
        found = Quantization(quantization.scale, quantization.zeroPoint)
    shape = () if tensor.shape is None else tuple(int(size) for size in tensor.shape)
    return Tensor(tensor.name.decode(), shape, np.dtype(_TYPES[tensor.type]), found)


@pytest.mark.slow
@pytest.mark.parametrize("int8", [False, True], ids=["float", "int8"])
def test_versions_are_those_of_tensorflows_converter(int8: bool) -> None:
    operators = list(read(tensorflow_file(int8=int8)))
    assert len({operator.code for operator, _ in operators}) > 25
    # One code in a file carries the highest version that any of its operators needs.
    needed: dict[str, int] = {}
    for operator, _ in operators:
        needed[operator.code] = max(needed.get(operator.code, 1), versions.version(operator))
    assert needed == {operator.code: version for operator, version in operators}
