"""Runs model files over labelled photos, all of them on the same pixels, and compares them.

Photos are decoded once, in parallel, and go through every file in turn; of the logits only a few
bytes a photo are kept, so a set of any size fits in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeconv.data.decode import stream
from edgeconv.data.folders import LabelledImage
from edgeconv.data.preprocessing import Preprocessing, normalize_batch
from edgeconv.errors import UsageError
from edgeconv.runtime.adapt import Images, run_logits
from edgeconv.runtime.open import engine_of, open_session
from edgeconv.runtime.saturation import int8_convolution_saturates
from edgeconv.runtime.session import Kernels, Session, SessionOptions
from edgeconv.verify.accuracy import AccuracyComparison, ComparisonTally

#: Photos that are decoded before the files run on them.
_CHUNK = 32


@dataclass(frozen=True)
class Evaluation:
    """One model file against the reference on labelled photos.

    Attributes:
        artifact: its short name or path.
        engine: what ran it.
        kernels: "default", or "reference" where the default ones saturate on this CPU.
        comparison: its accuracy, the reference's, and the paired figures.
    """

    artifact: str
    engine: str
    kernels: Kernels
    comparison: AccuracyComparison


def evaluate(
    artifacts: Mapping[str, Path],
    reference: str,
    photos: Sequence[LabelledImage],
    preprocessing: Preprocessing,
    *,
    threads: int = 1,
    on_progress: Callable[[int], None] | None = None,
) -> list[Evaluation]:
    """Accuracy of every file, and its agreement with the reference.

    Args:
        artifacts: model files by the name they are shown under.
        reference: which of them is the float reference.
        photos: image files and their class indices.
        preprocessing: how a photo becomes an input.
        threads: of each engine.
        on_progress: called with the number of photos done.

    Raises:
        UsageError: no photo, or a label that is no class of the net.
        ImageRefused: a photo cannot be decoded; names it.
        ArtifactRefused: a file cannot be run.
    """
    if not photos:
        raise UsageError("there is no photo to evaluate on")
    sessions = {name: _open(path, threads) for name, path in artifacts.items()}
    tallies = {name: ComparisonTally() for name in artifacts}
    done = 0
    for images, labels in _chunks(photos, preprocessing):
        expected = run_logits(sessions[reference][0], images)
        for name, (session, _) in sessions.items():
            logits = expected if name == reference else run_logits(session, images)
            tallies[name].add(expected, logits, labels)
        done += len(labels)
        if on_progress is not None:
            on_progress(done)
    return [
        Evaluation(name, session.engine, kernels, tallies[name].result())
        for name, (session, kernels) in sessions.items()
    ]


def _open(path: Path, threads: int) -> tuple[Session, Kernels]:
    """A session whose kernels compute what the file says, also where the default ones saturate."""
    saturates = engine_of(path) == "onnxruntime" and int8_convolution_saturates()
    kernels: Kernels = "reference" if saturates else "default"
    return open_session(path, SessionOptions(threads=threads, kernels=kernels)), kernels


def _chunks(
    photos: Sequence[LabelledImage], preprocessing: Preprocessing
) -> Iterator[tuple[Images, NDArray[np.int64]]]:
    pixels = stream((photo.path for photo in photos), preprocessing)
    labels = iter(photos)
    while chunk := list(islice(pixels, _CHUNK)):
        images = Images(
            normalized=normalize_batch(chunk, preprocessing),
            pixels=np.stack(chunk),
        )
        yield images, np.array([next(labels).label for _ in chunk], np.int64)
