"""Damaged label CSVs, preprocessing, weights' metadata and bench documents: read, or refused."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest

from edgeconv.data.label_csv import read_label_csv
from edgeconv.data.preprocessing import Preprocessing
from edgeconv.devices.agent import torch_net
from edgeconv.devices.bench import compare
from edgeconv.devices.bench.documents import read as read_bench
from edgeconv.errors import RefusedError, UsageError, WeightsRefused
from edgeconv.nets.file_metadata import parse_metadata
from tests.helpers.mutations import mutated, mutated_json, refuses_or_reads

CONDITIONS = {"temperatures_c": {"cpu": 48.5}, "frequencies_mhz": [1500]}
PROCESS = {
    "engine": "litert",
    "import_ms": 1.5,
    "load_ms": 2.5,
    "timing": {"first_ns": 9, "warmup_runs": 1, "steady": True, "samples_ns": [50, 60, 70]},
    "rss_engine_bytes": 100,
    "rss_peak_bytes": None,
    "before": CONDITIONS,
    "after": CONDITIONS,
}
BENCH: dict[str, Any] = {
    "schema": 1,
    "device": "local",
    "emulated": False,
    "run": "r",
    "config": {"side_by_side": True},
    "results": [
        {
            "artifact": {"name": "tflite"},
            "engine": "litert",
            "threads": 1,
            "processes": [PROCESS] * 6,
        }
    ],
}
COUNTED = {
    **BENCH,
    "emulated": True,
    "results": [{**BENCH["results"][0], "instructions_by_process": [100, 101]}],
}
PREPROCESSING = Preprocessing().to_json()
METADATA = {
    "net": '"resnet18"',
    "net_options": '{"width": 0.5}',
    "input_size": "224",
    "mean": "[0.5, 0.5, 0.5]",
    "labels": '["cat", "dog"]',
}
CSV = b'\xef\xbb\xbffile,label,split\r\na.png,0,x\r\n"b, c.png",cat,\r\nsub/d.png,1\r\n\r\n'


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.png", "b, c.png", "sub/d.png"):
        (folder / name).touch()
    return folder


def read_csv(path: Path, folder: Path) -> list[tuple[Path, int]]:
    return read_label_csv(path, folder, ["cat", "dog"], 2, limit=100)


def test_a_right_csv_is_read(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(CSV)
    assert [index for _, index in read_csv(tmp_path / "labels.csv", photos)] == [0, 0, 1]


def test_a_message_about_a_csv_is_short_whatever_it_names(photos: Path, tmp_path: Path) -> None:
    name = "x" * 100_000
    (tmp_path / "labels.csv").write_text("file,label\n" + f"{name}1,0\n{name}2,0\n")
    with pytest.raises(RefusedError, match="2 files that are not in") as caught:
        read_csv(tmp_path / "labels.csv", photos)
    assert len(str(caught.value)) < 2000


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_no_csv_and_no_document(photos: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for read in (lambda path: read_csv(path, photos), read_bench, torch_net.read):
        with pytest.raises((UsageError, RefusedError), match=r"no file|no regular file"):
            read(tmp_path / "pipe")


def test_damaged_csvs_are_read_or_refused(photos: Path, tmp_path: Path, numbers: range) -> None:
    path = tmp_path / "labels.csv"
    for number in numbers:
        path.write_bytes(mutated([CSV], number))
        refuses_or_reads(lambda: read_csv(path, photos), RefusedError, UsageError)


def test_damaged_preprocessing_is_read_or_refused(numbers: range) -> None:
    for number in numbers:
        text = mutated_json(PREPROCESSING, number).decode()
        refuses_or_reads(lambda text=text: Preprocessing.from_json(text), RefusedError)


def test_damaged_metadata_of_weights_is_read_or_refused(tmp_path: Path, numbers: range) -> None:
    keys = sorted(METADATA)
    for number in numbers:
        damaged = copy.copy(METADATA)
        key = keys[number % len(keys)]
        damaged[key] = mutated_json(json.loads(damaged[key]), number).decode()
        refuses_or_reads(lambda held=damaged: parse_metadata(held, tmp_path), WeightsRefused)


def test_damaged_nets_for_torch_are_read_or_refused(tmp_path: Path, numbers: range) -> None:
    path = torch_net.TorchNet("resnet18", {"width": 1}, 10, 64, 64).write(tmp_path / "net")
    document = json.loads(path.read_bytes())
    for number in numbers:
        path.write_bytes(mutated_json(document, number))
        refuses_or_reads(lambda: torch_net.read(path), RefusedError)


def test_damaged_bench_documents_are_compared_or_refused(tmp_path: Path, numbers: range) -> None:
    right, path = tmp_path / "right.json", tmp_path / "damaged.json"
    for number in numbers:
        document = (BENCH, COUNTED)[number % 2]
        right.write_text(json.dumps(document))
        seeds = [right.read_bytes()]
        damaged = mutated(seeds, number) if number % 5 == 0 else mutated_json(document, number)
        path.write_bytes(damaged)

        def use() -> None:
            json.dumps(compare.compare_files(right, path).to_json())

        refuses_or_reads(use, RefusedError, UsageError)
