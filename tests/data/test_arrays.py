"""Samples of tensors, a file each: read as they are, or refused with the file's name."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from edgeconv.data.arrays import check_arrays, load_arrays, load_label
from edgeconv.data.folders import holds_labels, holds_tensors, labelled, list_samples
from edgeconv.data.inputs import InputSpec, Intake
from edgeconv.data.samples import require_kind, stacked, stream
from edgeconv.errors import RefusedError, UsageError
from edgeconv.runtime.adapt import Tensors

ONE = (InputSpec("x", (2, 3)),)
TWO = (InputSpec("a", (2, 3)), InputSpec("b", (4,)))
X = np.arange(6, dtype=np.float32).reshape(2, 3)
B = np.arange(4, dtype=np.float32)


def test_arrays_come_back_as_they_were_saved(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.asfortranarray(X))
    np.savez_compressed(tmp_path / "two.npz", b=B, a=X, label=np.int64(3))
    np.testing.assert_array_equal(load_arrays(tmp_path / "x.npy", ONE)["x"], X)
    both = load_arrays(tmp_path / "two.npz", TWO)
    assert list(both) == ["a", "b"]
    np.testing.assert_array_equal(both["b"], B)
    assert load_label(tmp_path / "two.npz") == 3
    assert load_label(tmp_path / "x.npy") is None


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps(X))


def of_objects(path: Path) -> None:
    np.save(path, np.array([X, None], object), allow_pickle=True)


def promising(path: Path) -> None:
    """A header of 40 TB and no values."""
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (10000000, 1000000), }\n"
    path.write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header)


def cut_off(path: Path) -> None:
    np.save(path, X)
    path.write_bytes(path.read_bytes()[:-4])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (pickled, "no array of NumPy's"),
        (of_objects, "header of another kind than arrays of numbers"),
        (promising, "takes 40,000,000,000,000 bytes, it holds 0"),
        (cut_off, "takes 24 bytes, it holds 20"),
        (lambda path: path.write_bytes(b""), "no array of NumPy's"),
        (lambda path: path.mkdir(), "regular file|directory"),
        (lambda path: np.save(path, X[None]), "one sample a file, without the batch axis"),
        (lambda path: np.save(path, X.T), r"x is of shape \(3, 2\); the net takes \(2, 3\)"),
        (lambda path: np.save(path, X.astype(np.float64)), "x is float64; the net takes float32"),
        (lambda path: np.save(path, np.zeros((2, 3), np.int64)), "x is int64"),
        (lambda path: np.save(path, X * np.float32("nan")), "x holds NaN or infinity"),
        (lambda path: np.save(path, X / np.float32(0)), "x holds NaN or infinity"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_is_no_sample_is_refused_by_its_name(tmp_path: Path, make, said: str) -> None:
    make(tmp_path / "x.npy")
    with pytest.raises(RefusedError, match=rf"x\.npy: .*({said})"):
        load_arrays(tmp_path / "x.npy", ONE)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"a": X}, r"it holds 'a', and the net takes a \(2, 3\), b \(4,\)"),
        ({"a": X, "b": B, "c": B}, "it holds 'a, b, c'"),
        ({"a": X, "c": B}, "it holds 'a, c'"),
        ({"a": X, "b": B[:3]}, r"b is of shape \(3,\)"),
        ({}, "it holds 'nothing'"),
    ],
)
def test_other_arrays_than_the_net_takes_are_refused(tmp_path: Path, arrays, said: str) -> None:
    np.savez(tmp_path / "s.npz", **arrays)
    with pytest.raises(RefusedError, match=rf"s\.npz: {said}"):
        check_arrays(tmp_path / "s.npz", TWO)


def test_one_array_is_no_sample_of_several_inputs(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(RefusedError, match=r"holds one array, .* give \.npz"):
        check_arrays(tmp_path / "x.npy", TWO)


@pytest.mark.parametrize("label", [1.0, [1, 2], "cat"])
def test_a_label_that_is_no_class_index_is_refused(tmp_path: Path, label: object) -> None:
    np.savez(tmp_path / "s.npz", x=X, label=np.array(label))
    with pytest.raises(RefusedError, match=r"s\.npz: .*(one whole number|another kind)"):
        load_label(tmp_path / "s.npz")


def test_samples_are_read_in_the_folders_order_and_stacked_by_input(tmp_path: Path) -> None:
    for index in range(3):
        np.savez(tmp_path / f"{index}.npz", a=X + index, b=B)
    paths = list_samples(tmp_path)
    assert holds_tensors(paths)
    given = stacked(list(stream(paths, Intake(TWO))), Intake(TWO))
    assert isinstance(given, Tensors)
    np.testing.assert_array_equal(
        given.arrays["a"], X + np.arange(3, dtype=np.float32)[:, None, None]
    )
    assert given[1:].arrays["b"].shape == (2, 4)


def test_labels_stand_beside_the_inputs_or_are_sub_folders(tmp_path: Path) -> None:
    for index in range(3):
        np.savez(tmp_path / f"{index}.npz", x=X, label=index % 2)
    assert holds_labels(tmp_path)
    assert [one.label for one in labelled(tmp_path, classes=2)] == [0, 1, 0]
    with pytest.raises(RefusedError, match=r"1\.npz is of class 1, and the net has 1"):
        labelled(tmp_path, classes=1)
    np.savez(tmp_path / "3.npz", x=X)
    with pytest.raises(UsageError, match=r"3\.npz holds no label"):
        labelled(tmp_path, classes=2)
    inner = tmp_path / "folders" / "1"
    inner.mkdir(parents=True)
    np.save(inner / "x.npy", X)
    assert [one.label for one in labelled(tmp_path / "folders", classes=2)] == [1]


def test_folders_of_both_kinds_or_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="hold no image and no tensor"):
        list_samples(tmp_path)
    np.save(tmp_path / "x.npy", X)
    assert not holds_labels(tmp_path)
    with pytest.raises(UsageError, match=r"nothing says how a photo becomes what net takes \(x"):
        require_kind([tmp_path / "photo.jpg"], Intake(ONE), "net")
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(UsageError, match=r"photos \(photo\.jpg, \.\.\.\) and tensors \(x\.npy"):
        list_samples(tmp_path)
