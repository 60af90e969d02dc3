"""A copy at another batch size gives each photo what the file gives it alone, or is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeconv.devices.bench.rebatch import rebatched
from edgeconv.errors import ArtifactRefused, UsageError
from edgeconv.runtime.open import open_session
from tests.helpers.tiny_models import TinyNet, photos

NET = TinyNet()
SHAPE = (1, 4, 2, 2)


def saved(path: Path, nodes: list[onnx.NodeProto], result: tuple[int, ...], **constants) -> Path:
    """An ONNX file from x, (1, 4, 2, 2), to y."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, result)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("batch", [1, 3])
def test_a_float_copy_gives_numpys_logits(tmp_path, batch):
    copy = rebatched(NET.float_onnx(tmp_path / "m.onnx"), batch, tmp_path / "copy.onnx")
    session = open_session(copy)
    assert session.inputs[0].shape[0] == session.outputs[0].shape[0] == batch
    (logits,) = session.run([photos(batch)])
    np.testing.assert_allclose(logits, NET.logits(photos(batch)), rtol=0, atol=2e-5)


def test_an_int8_copy_gives_what_the_file_gives_photo_by_photo(tmp_path):
    file = NET.int8_onnx(tmp_path / "m.onnx")
    copy = open_session(rebatched(file, 3, tmp_path / "copy.onnx"))
    (together,) = copy.run([photos(3)])
    alone = [open_session(file).run([photos(3)[n : n + 1]])[0][0] for n in range(3)]
    np.testing.assert_array_equal(together, alone)


def test_a_file_of_any_batch_size_can_be_copied(tmp_path):
    copy = rebatched(NET.float_onnx(tmp_path / "m.onnx", batch="N"), 2, tmp_path / "copy.onnx")
    assert open_session(copy).inputs[0].shape[0] == 2


def test_channel_shuffles_get_room_for_every_photo(tmp_path):
    nodes = [
        helper.make_node("Reshape", ["x", "split"], ["a"]),
        helper.make_node("Transpose", ["a"], ["b"], perm=[0, 2, 1, 3, 4]),
        helper.make_node("Reshape", ["b", "joined"], ["y"]),
    ]
    split, joined = np.asarray([1, 2, 2, 2, 2]), np.asarray(SHAPE)
    file = saved(tmp_path / "m.onnx", nodes, SHAPE, split=split, joined=joined)
    fed = np.random.default_rng(0).standard_normal((3, *SHAPE[1:])).astype(np.float32)
    (given,) = open_session(rebatched(file, 3, tmp_path / "copy.onnx")).run([fed])
    np.testing.assert_array_equal(given, fed[:, [0, 2, 1, 3]])


@pytest.mark.parametrize(
    ("nodes", "result", "constants"),
    [
        ([helper.make_node("Softmax", ["x"], ["y"], axis=0)], SHAPE, {}),
        (
            [helper.make_node("ReduceMean", ["x"], ["y"], axes=[0], keepdims=1)],
            SHAPE,
            {},
        ),
        (
            [helper.make_node("Reshape", ["x", "s"], ["y"])],
            (4, 4),
            {"s": np.asarray([4, 4])},
        ),
    ],
    ids=["a softmax over photos", "a mean over photos", "a shape without photos"],
)
def test_a_net_that_mixes_photos_is_refused(tmp_path, nodes, result, constants):
    file = saved(tmp_path / "m.onnx", nodes, result, **constants)
    with pytest.raises(ArtifactRefused, match="cannot be given another batch size"):
        rebatched(file, 4, tmp_path / "copy.onnx")
    assert not (tmp_path / "copy.onnx").exists()


def test_a_file_for_several_photos_is_refused(tmp_path):
    file = NET.float_onnx(tmp_path / "m.onnx", batch=2)
    with pytest.raises(ArtifactRefused, match="takes 2 photos at once"):
        rebatched(file, 4, tmp_path / "copy.onnx")


def test_what_is_no_onnx_file_is_refused(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"nonsense" * 9)
    with pytest.raises(ArtifactRefused, match=r"m\.onnx is no ONNX file"):
        rebatched(tmp_path / "m.onnx", 4, tmp_path / "copy.onnx")


@pytest.mark.parametrize("batch", [0, 4097])
def test_a_batch_size_that_cannot_be_is_wrong_usage(tmp_path, batch):
    with pytest.raises(UsageError):
        rebatched(NET.float_onnx(tmp_path / "m.onnx"), batch, tmp_path / "copy.onnx")
