"""Damaged manifests and labels: read, or refused with one line."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeconv.bundle import golden, labels, manifest, quantization
from edgeconv.bundle.bundle import Bundle
from edgeconv.errors import BundleRefused, RefusedError
from edgeconv.runtime.adapt import Images
from edgeconv.verify.thresholds import DEFAULTS
from tests.helpers.mutations import mutated, mutated_json, refuses_or_reads

LABELS = ["cat", "hund", "kočka", "猫"]
INPUTS = {"input": [1, 3, 4, 5]}
LOGITS = {"probabilities": False}
MANIFEST: dict[str, Any] = {
    "format": manifest.FORM.number,
    "net": {"name": "tiny", "options": {"width": 0.5}, "features": False, "depth": 3},
    "weights": {"kind": "random", "source": "seed", "trained": True},
    "preprocessing": {"input_size": [4, 5], "resize": 8},
    "graph": {
        "inputs": INPUTS,
        "outputs": {"logits": [1, 4]},
        **LOGITS,
        "parts": {
            "logits": {
                "parts": [{"name": "a", "start": [0], "stop": [2], "step": 0.5}],
                "channel_axis": None,
            }
        },
    },
    "artifacts": {"onnx": {"file": "model.onnx", "inputs": []}},
    "parity": {
        "status": "passed",
        "failed": [],
        "stages": [{"name": "onnx"}],
        "thresholds": asdict(DEFAULTS),
    },
    "quantization": {"io": "int8"},
    "files": {},
}
REPAIRS: dict[str, Any] = {
    "factors": {"t": "1 2"},
    "copies": {"t": {"0": 1}},
    "offsets": {},
    "swishes": [],
    "divided": {"t": "1 1"},
    "orders": {"t": "1 0"},
}
TENSORS: dict[str, Any] = {"activations": {"t": {"scale": 0.5, "zero_point": 3}}}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A bundle without model files."""
    pixels = np.zeros((2, 4, 5, 3), np.uint8)
    normalized = np.zeros((2, 3, 4, 5), np.float32)
    reference = {"logits": np.ones((2, 4), np.float32)}
    golden.Golden(Images(normalized, pixels), {}, reference).save(tmp_path)
    labels.write(tmp_path, LABELS)
    quantization.write(tmp_path, REPAIRS, TENSORS)
    manifest.write(tmp_path, {**MANIFEST, "files": manifest.file_table(tmp_path)})
    return tmp_path


def use(directory: Path) -> None:
    """Reads all that the package reads of a bundle but its model files."""
    bundle = Bundle.load(directory)
    assert bundle.trained in (True, False)
    assert bundle.labels is None or bundle.labels
    assert len(bundle.expected.images) == 2
    assert bundle.repairs is not None
    assert bundle.thresholds.int8_sqnr_db >= 0
    assert bundle.identity.net
    assert bundle.parity_passed in (True, False)


def write(directory: Path, document: Any) -> None:
    (directory / manifest.FILE_NAME).write_text(json.dumps(document))


def test_a_right_bundle_is_read(directory: Path) -> None:
    use(directory)
    assert Bundle.load(directory).labels == tuple(LABELS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"format": ' + "9" * 4301 + "}", "a number of 4,301 digits"),
        ('{"format": 5, "format": 5}', "stands twice"),
        ('{"format": NaN}', "NaN is no finite number"),
        ('{"format": 1e999}', "no finite number"),
        ('{"format": 5, "a": "\\ud800"}', "half a character"),
        ('{"a":' * 70 + "1" + "}" * 70, "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
        ("[" + "{}," * 4_000_001, "more than 4,000,000 values"),
    ],
)
def test_json_past_its_budget_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / manifest.FILE_NAME).write_text(text)
    with pytest.raises(BundleRefused, match=said):
        manifest.read(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        *("x" * 5000, "..", ".", "", "a\0b", "a/b", "/etc/hostname", "\n"),
        *("golden/", "golden/..", "golden/a/b", "golden//a", "/golden/a", "../golden/a"),
    ],
)
def test_a_name_that_is_no_files_is_refused(directory: Path, name: str) -> None:
    write(directory, {**MANIFEST, "files": {name: {"bytes": 0, "sha256": ""}}})
    with pytest.raises(BundleRefused, match="no plain file name") as caught:
        Bundle.load(directory)
    assert len(str(caught.value)) < 1000


def test_a_folder_that_is_a_link_is_refused(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (directory / "golden").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleRefused, match="golden is a link"):
        Bundle.load(directory)


@pytest.mark.parametrize(
    "change",
    [
        {"files": {"golden.npz": []}},
        {"files": {"golden.npz": {"bytes": True, "sha256": ""}}},
        {"artifacts": {"onnx": 3}},
        {"graph": {"inputs": INPUTS, "outputs": {"logits": {"4": 1}}, "parts": {}, **LOGITS}},
        {"graph": {"inputs": INPUTS, "outputs": {"logits": [1, -4]}, "parts": {}, **LOGITS}},
        {
            "graph": {
                "inputs": INPUTS,
                "outputs": {"logits": [1, 4]},
                "parts": {"logits": []},
                **LOGITS,
            }
        },
        {"graph": {"inputs": {"input": []}, "outputs": {"logits": [1, 4]}, "parts": {}, **LOGITS}},
        {"graph": {"inputs": [1, 3, 4, 5], "outputs": {"logits": [1, 4]}, "parts": {}, **LOGITS}},
        {"parity": {"status": "passed", "stages": []}},
        {"preprocessing": [4, 5]},
        {"net": {"name": "x", "options": {}, "depth": 10**9}},
        {"net": {"name": "x", "options": {}, "depth": True}},
        {"quantization": []},
    ],
)
def test_values_of_another_kind_are_refused(directory: Path, change: dict[str, Any]) -> None:
    write(directory, {**MANIFEST, **change})
    with pytest.raises(BundleRefused, match="no edgeconv manifest"):
        manifest.read(directory)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "no object"),
        ({"repairs": {}, "tensors": {}}, "no format"),
        ({"format": 2, "tensors": {}}, "repairs is no dict"),
        ({"format": 2, "repairs": {}, "tensors": "x"}, "tensors is no dict"),
        ({"format": 2, "repairs": {}, "tensors": {"activations": []}}, "activations is no dict"),
        (
            {"format": 2, "repairs": {}, "tensors": {"activations": {"t": {"scale": "1"}}}},
            "is not scale and zero_point",
        ),
    ],
)
def test_a_record_of_another_form_is_refused(directory: Path, document: Any, said: str) -> None:
    (directory / quantization.FILE_NAME).write_text(json.dumps(document))
    write(directory, MANIFEST)
    with pytest.raises(BundleRefused, match=said):
        Bundle.load(directory)


def test_a_record_that_is_missing_is_told(directory: Path) -> None:
    (directory / quantization.FILE_NAME).unlink()
    write(directory, MANIFEST)
    with pytest.raises(BundleRefused, match=r"quantization\.json cannot be read"):
        Bundle.load(directory)


def test_damaged_records_are_read_or_refused(directory: Path, numbers: range) -> None:
    path = directory / quantization.FILE_NAME
    seeds, document = [path.read_bytes()], json.loads(path.read_bytes())
    write(directory, MANIFEST)
    for number in numbers:
        damaged = mutated(seeds, number) if number % 3 == 0 else mutated_json(document, number)
        path.write_bytes(damaged)
        refuses_or_reads(lambda: use(directory), RefusedError)


def test_a_message_is_short_whatever_it_quotes(directory: Path) -> None:
    part = {"name": "a", "start": [0], "stop": [2], "step": "x" * 5000}
    parts = {"logits": {"parts": [part], "channel_axis": None}}
    write(directory, {**MANIFEST, "graph": {**MANIFEST["graph"], "parts": parts}})
    with pytest.raises(BundleRefused, match="parts of an output are damaged") as caught:
        use(directory)
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize(
    "change",
    [
        {"preprocessing": {"input_size": [4, 6]}},
        {"graph": {"inputs": INPUTS, "outputs": {"other": [1, 4]}, "parts": {}, **LOGITS}},
        {"graph": {"inputs": INPUTS, "outputs": {"logits": [1, 5]}, "parts": {}, **LOGITS}},
        {
            "graph": {
                "inputs": {"input": [1, 3, 5, 4]},
                "outputs": {"logits": [1, 4]},
                "parts": {},
                **LOGITS,
            }
        },
    ],
)
def test_vectors_of_another_net_are_refused(directory: Path, change: dict[str, Any]) -> None:
    write(directory, {**MANIFEST, **change})
    with pytest.raises(BundleRefused, match="of another net"):
        assert Bundle.load(directory).golden


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"cat\ndog\n\xff\xfe\nowl\n", "line 3 is no UTF-8"),
        (b"cat\n" + b"x" * 2000 + b"\n", "line 2 has 2,000 characters"),
        (b"cat\n", "names 1 classes"),
    ],
)
def test_labels_that_are_none_are_refused(directory: Path, content: bytes, said: str) -> None:
    (directory / labels.FILE_NAME).write_bytes(content)
    write(directory, MANIFEST)
    with pytest.raises(BundleRefused, match=said):
        assert Bundle.load(directory).labels


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", [manifest.FILE_NAME, labels.FILE_NAME])
def test_what_is_no_regular_file_is_not_waited_for(directory: Path, name: str) -> None:
    (directory / name).unlink()
    os.mkfifo(directory / name)
    if name == labels.FILE_NAME:
        write(directory, MANIFEST)
    with pytest.raises(BundleRefused, match="no regular file"):
        assert Bundle.load(directory).labels


def test_damaged_manifests_are_read_or_refused(directory: Path, numbers: range) -> None:
    path = directory / manifest.FILE_NAME
    seeds, document = [path.read_bytes()], json.loads(path.read_bytes())
    for number in numbers:
        damaged = mutated(seeds, number) if number % 3 == 0 else mutated_json(document, number)
        path.write_bytes(damaged)
        refuses_or_reads(lambda: use(directory), RefusedError)


def test_damaged_labels_are_read_or_refused(directory: Path, numbers: range) -> None:
    path = directory / labels.FILE_NAME
    seeds = [path.read_bytes()]
    for number in numbers:
        path.write_bytes(mutated(seeds, number))
        refuses_or_reads(lambda: labels.read(directory), BundleRefused)
