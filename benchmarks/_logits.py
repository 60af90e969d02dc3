"""Logits of the float net and of files on labelled photos, kept between runs."""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _data import Subject
from _process import run
from numpy.typing import NDArray

RUNNER = Path(__file__).resolve().parent / "_logits_run.py"

Logits = NDArray[np.float32]


@dataclass(frozen=True)
class Photos:
    """Labelled photos: a folder, and how many of them count (None: all)."""

    folder: Path
    limit: int | None


@dataclass(frozen=True, eq=False)
class Outputs:
    """What a net and its files give on the same photos.

    Attributes:
        labels: (photos,) class indices.
        reference: (photos, classes) of the float PyTorch net.
        files: the same of each file, in the order they were asked for.
    """

    labels: NDArray[np.int64]
    reference: Logits
    files: tuple[Logits, ...]


def outputs(subject: Subject, photos: Photos, files: Sequence[Path], kept: Path) -> Outputs:
    """Runs what has not been run before on exactly these photos; the rest is read from `kept`."""
    kept.mkdir(parents=True, exist_ok=True)
    on = _digest(photos)
    reference = kept / f"float-{_sha256(subject.weights)}-{on}.npz"
    places = [kept / f"{_sha256(path)}-{on}.npy" for path in files]
    missing = {place: path for place, path in zip(places, files, strict=True) if not place.exists()}
    if missing or not reference.exists():
        _run(subject, photos, missing, reference)
    with np.load(reference) as found:
        labels, floats = found["labels"], found["float"]
    return Outputs(labels, floats, tuple(np.load(place) for place in places))


def _run(subject: Subject, photos: Photos, files: dict[Path, Path], reference: Path) -> None:
    wanted = not reference.exists()
    job = {
        "net": subject.net,
        "weights": str(subject.weights),
        "data": str(photos.folder),
        "limit": photos.limit,
        "float": wanted,
        "files": [str(path) for path in files.values()],
    }
    with tempfile.TemporaryDirectory() as scratch:
        asked, given = Path(scratch) / "job.json", Path(scratch) / "out.npz"
        asked.write_text(json.dumps(job))
        run([sys.executable, RUNNER, asked, given], Path(scratch) / "log.txt")
        with np.load(given) as found:
            for index, place in enumerate(files):
                np.save(place, found[f"file{index}"])
            if wanted:
                np.savez(reference, labels=found["labels"], float=found["float"])


def _digest(photos: Photos) -> str:
    """Of the photos' names, sizes and labels, and how many count."""
    sizes = sorted((path.name, path.stat().st_size) for path in photos.folder.iterdir())
    digest = hashlib.sha256(json.dumps([sizes, photos.limit]).encode())
    labels = photos.folder.with_name(f"{photos.folder.name}.csv")
    if labels.is_file():
        digest.update(labels.read_bytes())
    return digest.hexdigest()[:16]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
