"""Photos become exactly what a file takes; its outputs become real numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from edgeconv.errors import ArtifactRefused, UsageError
from edgeconv.runtime.adapt import (
    Images,
    app_input,
    dequantize,
    join_runs,
    run_logits,
    run_outputs,
)
from edgeconv.runtime.open import open_session
from edgeconv.runtime.session import TensorSpec
from tests.helpers.tiny_models import TinyNet, photos

F32, I8, U8 = np.dtype(np.float32), np.dtype(np.int8), np.dtype(np.uint8)
PIXELS = np.random.default_rng(0).integers(0, 256, (7, 4, 6, 3), np.uint8)
NORMALIZED = PIXELS.transpose(0, 3, 1, 2).astype(np.float32) / 64 - 2
IMAGES = Images(NORMALIZED, PIXELS)


class FakeSession:
    """Gives the mean of each fed photo, and remembers what it was fed."""

    engine = "litert"

    def __init__(self, taken: TensorSpec, given: TensorSpec) -> None:
        self.inputs, self.outputs = (taken,), (given,)
        self.fed: list[np.ndarray] = []

    def run(self, feeds: Sequence[np.ndarray]) -> list[np.ndarray]:
        assert feeds[0].shape == self.inputs[0].shape
        assert feeds[0].dtype == self.inputs[0].dtype
        self.fed.append(feeds[0])
        means = feeds[0].reshape(len(feeds[0]), -1).mean(axis=1, keepdims=True)
        return [means.astype(self.outputs[0].dtype)]


def test_float_goes_in_as_it_is_in_either_layout():
    nchw = app_input(TensorSpec("x", (1, 3, 4, 6), F32), IMAGES)
    nhwc = app_input(TensorSpec("x", (1, 4, 6, 3), F32), IMAGES)
    np.testing.assert_array_equal(nchw, NORMALIZED)
    np.testing.assert_array_equal(nhwc, NORMALIZED.transpose(0, 2, 3, 1))


def test_uint8_goes_in_as_raw_pixels_in_either_layout():
    nhwc = app_input(TensorSpec("x", (1, 4, 6, 3), U8, 1.0, 0), IMAGES)
    nchw = app_input(TensorSpec("x", (1, 3, 4, 6), U8), IMAGES)
    np.testing.assert_array_equal(nhwc, PIXELS)
    np.testing.assert_array_equal(nchw, PIXELS.transpose(0, 3, 1, 2))
    with pytest.raises(UsageError, match="raw uint8 pixels"):
        app_input(TensorSpec("x", (1, 4, 6, 3), U8), Images(NORMALIZED))


@pytest.mark.parametrize(("scale", "zero_point"), [(0.02, -3), (1 / 64, 0), (0.001, 100)])
def test_int8_goes_in_as_onnx_quantizelinear_rounds_and_saturates(scale, zero_point):
    info = helper.make_tensor_value_info
    node = helper.make_node("QuantizeLinear", ["x", "s", "z"], ["y"])
    constants = [
        helper.make_tensor("s", TensorProto.FLOAT, [], [scale]),
        helper.make_tensor("z", TensorProto.INT8, [], [zero_point]),
    ]
    taken, given = [7, 3, 4, 6], info("y", TensorProto.INT8, [7, 3, 4, 6])
    graph = helper.make_graph(
        [node], "g", [info("x", TensorProto.FLOAT, taken)], [given], constants
    )
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    oracle = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": NORMALIZED})
    spec = TensorSpec("x", (1, 3, 4, 6), I8, scale, zero_point)
    np.testing.assert_array_equal(app_input(spec, IMAGES), oracle[0])


def test_halves_round_to_even():
    images = Images(np.array([0.5, 1.5, 2.5, -0.5, -1.5, 300], np.float32).reshape(1, 1, 2, 3))
    fed = app_input(TensorSpec("x", (1, 1, 2, 3), I8, 1.0, 0), images)
    np.testing.assert_array_equal(fed.ravel(), [0, 2, 2, 0, -2, 127])


def test_photos_go_in_by_the_files_batch_size_and_the_last_batch_is_filled_up():
    taken, given = TensorSpec("x", (3, 3, 4, 6), F32), TensorSpec("y", (3, 1), F32)
    session = FakeSession(taken, given)
    logits = run_logits(session, IMAGES)
    np.testing.assert_allclose(logits[:, 0], NORMALIZED.mean(axis=(1, 2, 3)), rtol=1e-5)
    assert len(session.fed) == 3
    np.testing.assert_array_equal(session.fed[-1][2], NORMALIZED[6])


def test_outputs_come_back_as_real_numbers():
    spec = TensorSpec("y", (1, 3), I8, 0.5, -4)
    real = dequantize(np.array([[-128, -4, 127]], np.int8), spec)
    np.testing.assert_array_equal(real, np.array([[-62, 0, 65.5]], np.float32))
    assert real.dtype == np.float32


def test_real_files_of_both_formats_agree_with_numpy(tmp_path):
    net, normalized = TinyNet(), photos(6)
    for path in net.write_all(tmp_path).values():
        logits = run_logits(open_session(path), Images(normalized))
        tolerance = 2 * net.output_scale if "int8" in path.name else 2e-5
        np.testing.assert_allclose(logits, net.logits(normalized), rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    ("taken", "error"),
    [
        (TensorSpec("x", (1, 3, 5, 6), F32), UsageError),
        (TensorSpec("x", (1, 10), F32), UsageError),
        (TensorSpec("x", (1, 3, 4, 6), I8), ArtifactRefused),
        (TensorSpec("x", (1, 3, 4, 6), np.dtype(np.float16)), ArtifactRefused),
    ],
    ids=["size", "no image", "int8 without a scale", "float16"],
)
def test_inputs_no_photo_can_be_turned_into_are_refused(taken, error):
    with pytest.raises(error):
        run_logits(FakeSession(taken, TensorSpec("y", (1, 1), F32)), IMAGES)


def test_an_output_without_a_row_for_each_photo_is_refused():
    session = FakeSession(TensorSpec("x", (2, 3, 4, 6), F32), TensorSpec("y", (5, 1), F32))
    with pytest.raises(ArtifactRefused, match="not one row"):
        run_outputs(session, IMAGES)


@pytest.mark.parametrize("shape", [(), (5,), (5, 1), (1,), (1, 5)])
def test_what_one_photo_gives_becomes_its_row(shape):
    made = [np.full(shape, photo) for photo in range(3)]
    rows = join_runs(made, 1)
    assert len(rows) == 3
    assert [row.max() for row in rows] == [0, 1, 2]


def test_images_of_the_wrong_type_or_shape_are_refused():
    with pytest.raises(UsageError):
        Images(NORMALIZED.astype(np.float64))
    with pytest.raises(UsageError):
        Images(NORMALIZED, PIXELS.transpose(0, 3, 1, 2))
    with pytest.raises(UsageError, match="no photos"):
        run_logits(
            FakeSession(TensorSpec("x", (1, 3, 4, 6), F32), TensorSpec("y", (1, 1), F32)),
            Images(NORMALIZED[:0]),
        )
