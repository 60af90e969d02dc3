"""Damaged golden.npz files: read, or refused with one line."""

from __future__ import annotations

import io
import os
import pickle
import random
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeconv.bundle import golden
from edgeconv.errors import BundleRefused
from edgeconv.runtime.adapt import Images, Tensors
from tests.helpers.mutations import mutated, refuses_or_reads

RNG = np.random.default_rng(0)
SHAPES = {"boxes": (4, 3), "level": (), "map": (2, 3, 5)}
PHOTOS = RNG.integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
VECTORS = golden.Golden(
    samples=Images(RNG.standard_normal((2, 3, 4, 5)).astype(np.float32), PHOTOS),
    app_inputs={"input": PHOTOS.astype(np.int8)},
    reference={"logits": RNG.standard_normal((2, 7)).astype(np.float32)},
    float64={"logits": RNG.standard_normal((2, 7))},
    as_exported={
        (artifact, "default"): [RNG.standard_normal((1, 7)).astype(np.float32)]
        for artifact in ("int8.onnx", "dynamic-int8.tflite")
    },
)

TENSORS = replace(
    VECTORS,
    samples=Tensors(
        {
            "a": RNG.standard_normal((2, 3, 4, 5)).astype(np.float32),
            "b": RNG.standard_normal((2, 6)).astype(np.float32),
        }
    ),
    app_inputs={"a": PHOTOS.astype(np.int8), "b": np.zeros((2, 6), np.int8)},
)


def header_of(text: str) -> bytes:
    """An entry that begins with this header and has a few values."""
    written = text.encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(written)) + written + bytes(64)


def with_entry(
    place: Path,
    name: str,
    content: bytes,
    method: int = zipfile.ZIP_STORED,
    vectors: golden.Golden = VECTORS,
) -> None:
    """golden.npz as it should be, with one entry replaced or added."""
    vectors.save(place)
    path = place / golden.FILE_NAME
    with zipfile.ZipFile(path) as archive:
        held = {entry: archive.read(entry) for entry in archive.namelist()}
    with zipfile.ZipFile(path, "w", method) as archive:
        for entry, bytes_ in {**held, name: content}.items():
            archive.writestr(entry, bytes_)


def array_of(array: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(array))
    return stream.getvalue()


def test_what_was_written_is_read(tmp_path: Path) -> None:
    VECTORS.save(tmp_path)
    read = golden.load(tmp_path)
    for name in ("normalized", "pixels"):
        np.testing.assert_array_equal(getattr(read.samples, name), getattr(VECTORS.samples, name))
    np.testing.assert_array_equal(read.app_inputs["input"], VECTORS.app_inputs["input"])
    for name in ("reference", "float64"):
        held, written = getattr(read, name)["logits"], getattr(VECTORS, name)["logits"]
        np.testing.assert_array_equal(held, written)
    assert read.as_exported.keys() == VECTORS.as_exported.keys()
    for run, (written,) in VECTORS.as_exported.items():
        (held,) = read.as_exported[run]
        np.testing.assert_array_equal(held, written)


def test_tensors_are_read_by_the_names_of_the_inputs(tmp_path: Path) -> None:
    TENSORS.save(tmp_path)
    read = golden.load(tmp_path)
    assert isinstance(read.samples, Tensors)
    for name, array in TENSORS.samples.arrays.items():
        np.testing.assert_array_equal(read.samples.arrays[name], array)
        np.testing.assert_array_equal(read.app_inputs[name], TENSORS.app_inputs[name])


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("tensor_b", np.zeros((3, 6), np.float32)),
        ("tensor_b", np.zeros((2, 6))),
        ("tensor_b", np.float32(1)),
        ("tensor_a", np.float32(1)),
        ("app_b", np.zeros((2, 7), np.int8)),
        ("app_b", np.zeros((2, 6), np.int64)),
        ("app_c", np.zeros((2, 6), np.int8)),
        ("input_pixels_nhwc", PHOTOS),
        ("reference_logits", np.zeros((3, 7), np.float32)),
    ],
)
def test_arrays_that_belong_to_no_tensors_are_refused(
    tmp_path: Path, name: str, array: np.ndarray
) -> None:
    with_entry(tmp_path, f"{name}.npy", array_of(array), vectors=TENSORS)
    with pytest.raises(BundleRefused, match=r"no array that belongs|no axis"):
        golden.load(tmp_path)


def test_outputs_at_the_export_keep_the_shapes_of_the_reference(tmp_path: Path) -> None:
    maps = {name: RNG.standard_normal((2, *shape)) for name, shape in SHAPES.items()}
    reference = {name: array.astype(np.float32) for name, array in maps.items()}
    run = "int8.tflite", "reference"
    replace(
        VECTORS, reference=reference, float64={}, as_exported={run: [*reference.values()]}
    ).save(tmp_path)
    read = golden.load(tmp_path)
    assert list(read.reference) == list(SHAPES)
    for held, written in zip(read.as_exported[run], reference.values(), strict=True):
        np.testing.assert_array_equal(held, written)


def test_arrays_in_fortran_order_and_big_endian_are_read(tmp_path: Path) -> None:
    values = np.asfortranarray(RNG.standard_normal((2, 3, 5)).astype(">f4"))
    bare = replace(VECTORS, as_exported={})
    with_entry(tmp_path, "reference_boxes.npy", array_of(values), vectors=bare)
    read = golden.load(tmp_path).reference["boxes"]
    assert read.dtype == np.float32
    assert read.flags.c_contiguous
    np.testing.assert_array_equal(read, values)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 8589934592), }", "takes"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 999999999999), }", "takes"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 0, 999999999999), }", "no values"),
        ("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", "another kind"),
        ("{'descr': '<U16', 'fortran_order': False, 'shape': (2,), }", "another kind"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 8L), }", "another kind"),
        ("{'descr': " + "[" * 5000 + "}", "another kind"),
        ("(" * 9000, "another kind"),
        ("'unterminated", "another kind"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, " + "9" * 4400 + "), }", "another"),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path: Path, header: str, said: str) -> None:
    with_entry(tmp_path, "reference_logits.npy", header_of(header))
    with pytest.raises(BundleRefused, match=said):
        golden.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("input_pixels_nhwc", np.zeros((2, 4, 6, 3), np.uint8)),
        ("input_float32_nchw", np.zeros((2, 3, 4), np.float32)),
        ("input_float32_nchw", np.zeros((2, 3, 4, 5), np.float64)),
        ("input_float32_nchw", np.full((2, 3, 4, 5), np.nan, np.float32)),
        ("input_pixels_nhwc", np.zeros((2, 4, 5, 3), np.int8)),
        ("input_app_nhwc", np.zeros((3, 4, 5, 3), np.int8)),
        ("reference_logits", np.zeros((3, 7), np.float32)),
        ("reference_logits", np.float32(1)),
        ("reference_logits", np.full((2, 7), np.inf, np.float32)),
        ("float64_other", np.zeros((2, 7))),
        ("stranger", np.zeros((2, 7))),
        ("exported_int8.onnx_default", np.zeros((3, 7), np.float32)),
        ("exported_int8.onnx_default", np.zeros((2, 8), np.float32)),
        ("exported_int8.onnx_default", np.zeros((2, 7), np.float64)),
        ("exported_int8.onnx_default", np.float32(1)),
        ("exported_int8.onnx_default", np.full((2, 7), np.nan, np.float32)),
        ("exported_int8.onnx_other", np.zeros((2, 7), np.float32)),
        ("exported_onnx", np.zeros((2, 7), np.float32)),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(
    tmp_path: Path, name: str, array: object
) -> None:
    with_entry(tmp_path, f"{name}.npy", array_of(array))
    with pytest.raises(BundleRefused, match=name):
        golden.load(tmp_path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(tmp_path: Path, method: int) -> None:
    with_entry(tmp_path, "reference_logits.npy", array_of(np.zeros((2, 7), np.float32)), method)
    with pytest.raises(BundleRefused, match="stored or deflate"):
        golden.load(tmp_path)


def test_an_encrypted_entry_is_refused(tmp_path: Path) -> None:
    VECTORS.save(tmp_path)
    path = tmp_path / golden.FILE_NAME
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\1\2")
    data[at + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(BundleRefused, match="encrypted"):
        golden.load(tmp_path)


def test_a_pickle_is_not_run(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "harmed"),)

    with_entry(tmp_path, "reference_logits.npy", pickle.dumps(Harm()))
    with pytest.raises(BundleRefused, match="no array of NumPy"):
        golden.load(tmp_path)
    assert not (tmp_path / "harmed").exists()


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path, name = tmp_path / golden.FILE_NAME, "reference_logits.npy"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(name, "w") as entry,
    ):
        for _ in range(257):
            entry.write(bytes(2**20))
    with pytest.raises(BundleRefused, match="unpacks to"):
        golden.load(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / golden.FILE_NAME)
    with pytest.raises(BundleRefused, match="no regular file"):
        golden.load(tmp_path)


def test_a_huge_sparse_file_is_refused(tmp_path: Path) -> None:
    with (tmp_path / golden.FILE_NAME).open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(BundleRefused, match="over"):
        golden.load(tmp_path)


def test_damaged_files_are_read_or_refused(tmp_path: Path, numbers: range) -> None:
    VECTORS.save(tmp_path)
    path = tmp_path / golden.FILE_NAME
    packed = path.read_bytes()
    with_entry(tmp_path, "reference_logits.npy", array_of(np.zeros((2, 7), np.float32)))
    seeds = [packed, path.read_bytes()]
    for number in numbers:
        path.write_bytes(mutated(seeds, number))
        refuses_or_reads(lambda: golden.load(tmp_path), BundleRefused)


def test_right_archives_of_damaged_entries_are_read_or_refused(
    tmp_path: Path, numbers: range
) -> None:
    seed = array_of(np.zeros((2, 7), np.float32))
    for number in numbers:
        name = random.Random(number).choice(
            ("reference_logits", "float64_logits", "exported_int8.onnx_default", "input_app_nhwc")
        )
        vectors = VECTORS
        if number % 2:
            name, vectors = name.replace("input_app_nhwc", "tensor_b"), TENSORS
        with_entry(tmp_path, f"{name}.npy", mutated([seed], number), vectors=vectors)
        refuses_or_reads(lambda: golden.load(tmp_path), BundleRefused)
