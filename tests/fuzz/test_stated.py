"""Damaged files of what users say of a net's input: preprocessing in TOML, names of classes."""

from __future__ import annotations

from pathlib import Path

from edgeconv.errors import RefusedError
from edgeconv.nets.labels import read_labels
from edgeconv.nets.stated_file import read_stated
from tests.helpers.mutations import mutated, refuses_or_reads

SEEDS = [
    b"input_size = [96, 128]\nresize = 110\nmean = [0.5, 0.4, 0.3]\nstd = [1, 0x1, 0.25]\n"
    b'interpolation = "bicubic"\nlabels = ["cat", "dog"]\n',
    b'resize = "stretch"\nmean = [\n  0.5,\n  1e-3,\n  inf,\n]\nlabels = [\'a\', """b""",]\n',
]
NAMES = [b"cat\ndog\n", "Käse\r\n犬\u2028x\n".encode(), b"\n" * 40]


def test_damaged_preprocessing_in_toml_is_read_or_refused(tmp_path: Path, numbers: range) -> None:
    path = tmp_path / "p.toml"
    for number in numbers:
        path.write_bytes(mutated(SEEDS, number))
        refuses_or_reads(lambda: read_stated(path), RefusedError)


def test_damaged_names_of_classes_are_read_or_refused(tmp_path: Path, numbers: range) -> None:
    path = tmp_path / "names.txt"
    for number in numbers:
        path.write_bytes(mutated(NAMES, number))
        refuses_or_reads(lambda: read_labels(path), RefusedError)
