"""What a TFLite file computes and moves; the files are TensorFlow's own converter's."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest

from edgeconv.errors import ArtifactRefused
from edgeconv.files.memory import activation_memory, float_islands
from edgeconv.files.operations import ModelOperations
from edgeconv.files.read import read_operations
from edgeconv.verify.inspect.inspection import inspect
from tests.helpers.tiny_models import TinyNet

SIZE = 8


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelOperations]:
    """A small Keras net as float, float16, dynamic-range and full int8 files."""
    tf = pytest.importorskip("tensorflow")
    layers = tf.keras.layers
    x = tf.keras.Input((SIZE, SIZE, 3), batch_size=1)
    y = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    z = layers.DepthwiseConv2D(3, padding="same")(y)
    z = layers.Add()([z, y])
    z = layers.Conv2D(16, 1, groups=1)(z)
    z = layers.GlobalAveragePooling2D()(z)
    net = tf.keras.Model(x, layers.Dense(10)(z))

    def photos():
        rng = np.random.default_rng(0)
        for _ in range(4):
            yield [rng.random((1, SIZE, SIZE, 3), np.float32)]

    found = {}
    place = tmp_path_factory.mktemp("tf")
    for kind in ("float", "float16", "dynamic", "int8"):
        converter = tf.lite.TFLiteConverter.from_keras_model(net)
        if kind != "float":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if kind == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if kind == "int8":
            converter.representative_dataset = photos
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.int8
        path = place / f"{kind}.tflite"
        path.write_bytes(converter.convert())
        found[kind] = read_operations(path)
    return found


POSITIONS = SIZE * SIZE
WORK = POSITIONS * (8 * 27 + 8 * 9 + 16 * 8) + 16 * 10


def test_every_form_of_a_net_has_the_same_multiply_adds(converted):
    assert {kind: read.multiply_adds for kind, read in converted.items()} == dict.fromkeys(
        ("float", "float16", "dynamic", "int8"), WORK
    )


def test_activations_are_counted_in_the_type_they_are_stored_in(converted):
    # Alive at the Add: its two inputs and its output, 8 channels each.
    assert activation_memory(converted["float"]).peak_bytes == 4 * 3 * 8 * POSITIONS
    assert activation_memory(converted["int8"]).peak_bytes == 3 * 8 * POSITIONS
    first = converted["float"].operations[0]
    assert first.memory_access == 4 * (3 * POSITIONS + 8 * 27 + 8 + 8 * POSITIONS)
    first = converted["int8"].operations[0]
    assert first.memory_access == 3 * POSITIONS + 8 * 27 + 4 * 8 + 8 * POSITIONS


def test_int8_and_float_are_told_apart(converted):
    assert converted["int8"].int8_share == 1.0
    assert converted["float"].int8_share == 0.0
    assert converted["dynamic"].int8_share == 0.0
    assert float_islands(converted["int8"]) == []


def test_half_precision_weights_are_constants_of_the_operators_that_use_them(converted):
    read = converted["float16"]
    widening = [o for o in read.operations if o.type == "DEQUANTIZE"]
    assert widening
    assert all(o.memory_access == 0 and o.parameters == 0 for o in widening)
    conv = next(o for o in read.operations if o.type == "CONV_2D")
    assert {t.dtype for t in conv.reads if t.is_constant} <= {"float16", "float32"}
    assert activation_memory(read).peak_bytes == 4 * 3 * 8 * POSITIONS


def test_convolutions_keep_their_groups(converted):
    found = [o.convolution for o in converted["float"].operations if o.convolution]
    assert [(c.kernel, c.groups, c.in_channels, c.out_channels) for c in found] == [
        (9, 1, 3, 8),
        (9, 8, 8, 8),
        (1, 1, 8, 16),
    ]
    assert [c.is_depthwise for c in found] == [False, True, False]


def test_damaged_bytes_are_read_or_refused(tmp_path: Path):
    path = TinyNet().int8_tflite(tmp_path / "m.tflite")
    good = path.read_bytes()
    rng = np.random.default_rng(5)
    for _ in range(1000):
        data = bytearray(good)
        for place in rng.integers(8, len(data), 4):
            data[place] = rng.choice([0, 1, 0x7F, 0x80, 0xFF])
        path.write_bytes(bytes(data))
        with contextlib.suppress(ArtifactRefused):
            inspect(read_operations(path)).to_json()
