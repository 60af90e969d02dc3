"""The parity check of an export: the verdict on samples and what PyTorch makes of them.

Without a folder of the user's, built-in photos judge the files and are the bundle's golden ones.
With one, photos of it judge them, for only those are sure to be of the kind the net was made for;
they stay on this machine. The golden photos are built-in ones all the same, unless the user lets
the own ones into the bundle, and judge the float32 files, which are right on any photo; what the
files of integers gave for them is kept for whoever checks the bundle later
(`verify.parity.as_exported`). A net that takes tensors has no built-in ones: the user's are golden.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.bundle import artifacts
from edgeconv.bundle.golden import Golden
from edgeconv.export.bundle import golden_folder
from edgeconv.export.bundle.golden_folder import Case, Classes
from edgeconv.export.bundle.verdict import Judges, Verdict
from edgeconv.export.judging import AllJudging, Judging, whole_batches
from edgeconv.export.sources.source import Reference, Source
from edgeconv.graph.metrics import depth
from edgeconv.runtime.adapt import app_input
from edgeconv.runtime.open import open_session
from edgeconv.runtime.session import SessionOptions
from edgeconv.verify.parity import against_reference, bundle_files
from edgeconv.verify.parity.as_exported import KEPT_PHOTOS
from edgeconv.verify.parity.expected import Expected
from edgeconv.verify.parity.output_parts import OutputParts
from edgeconv.verify.parity.stages import ParityReport
from edgeconv.verify.thresholds import Thresholds

#: What is behind the name of a stage that built-in photos judge beside the user's.
_ON_BUILTIN = " on built-in photos"


@dataclass(frozen=True, eq=False)
class Subject:
    """What is judged.

    Attributes:
        directory: the bundle's, with all of its model files.
        net: what was exported.
        reference: runs it.
        parts: how each output is told apart.
        thresholds: the bounds.
        classes: what the net's first output tells; None where it is no row of classes.
    """

    directory: Path
    net: Source
    reference: Reference
    parts: Mapping[str, OutputParts]
    thresholds: Thresholds
    classes: Classes | None

    @property
    def files(self) -> dict[str, Path]:
        """The model files by name."""
        return artifacts.present(self.directory)


@dataclass(frozen=True, eq=False)
class _Given:
    """Photos, and what PyTorch makes of them; `float64` is asked for through `expected` too."""

    expected: Expected
    float64: Any
    told: Judges

    @property
    def exact(self) -> dict[str, NDArray[np.float64]]:
        """PyTorch's float64 outputs where a verdict needed them."""
        was_needed = self.float64.cache_info().currsize > 0
        return dict(self.float64().outputs) if was_needed else {}


def judged(subject: Subject, by: AllJudging) -> Verdict:
    """Holds every model file against PyTorch; writes golden.npz and golden/ beside them.

    Args:
        subject: what is judged.
        by: the samples.

    Raises:
        NetRefused: the net's own code failed.
        ArtifactRefused: an engine cannot run a file.
    """
    golden = _given(subject, by.golden)
    if by.own is not None:
        return _by_own_samples(subject, _given(subject, by.own), golden, by.cases)
    report = bundle_files.check(subject.files, golden.expected, subject.thresholds)
    _save(subject, golden, report)
    _save_cases(subject, by.cases)
    return Verdict(report, golden.told, golden.told)


def _by_own_samples(
    subject: Subject, own: _Given, golden: _Given, cases: Sequence[Case]
) -> Verdict:
    """The user's photos judge everything; golden ones the float32 files, which hold on any."""
    files, thresholds = subject.files, subject.thresholds
    floats = {n: path for n, path in files.items() if artifacts.precision_of(n) is None}
    with ThreadPoolExecutor(1) as beside:  # one after the other: sessions take memory
        # On reference kernels, a right file on one photo is right on any.
        check = against_reference.check
        anywhere = beside.submit(check, floats, golden.expected, thresholds, slowly=False)
        kept = beside.submit(_with_outputs, subject, golden)
        report = bundle_files.check(files, own.expected, thresholds)
        _save(subject, kept.result(), report)
    _save_cases(subject, cases)
    stages = (
        *(replace(stage, photos="own") for stage in report.stages),
        *(replace(stage, name=f"{stage.name}{_ON_BUILTIN}") for stage in anywhere.result().stages),
    )
    return Verdict(replace(report, stages=stages), own.told, golden.told)


def _with_outputs(subject: Subject, golden: _Given) -> _Given:
    """The golden photos with what the files of integers gave for the first of them.

    Without trained weights that is noise, which nobody is judged by.
    """
    if not subject.net.trained or not any(map(artifacts.precision_of, subject.files)):
        return golden
    first = _first(golden.expected, whole_batches(KEPT_PHOTOS, subject.reference))
    kept = against_reference.outputs_of_integers(subject.files, first)
    return replace(golden, expected=replace(golden.expected, as_exported=kept))


def _first(expected: Expected, photos: int) -> Expected:
    outputs = {name: array[:photos] for name, array in expected.outputs.items()}
    return replace(expected, images=expected.images[:photos], outputs=outputs)


def _save(subject: Subject, golden: _Given, report: ParityReport) -> None:
    """Writes golden.npz, with the photos as an app feeds them to the smallest TFLite file."""
    told = report.interfaces.get("int8.tflite", report.interfaces.get("tflite"))
    samples = golden.expected.images
    fed = () if told is None else told.inputs
    Golden(
        samples=samples,
        app_inputs={spec.name: app_input(spec, samples, "litert") for spec in fed},
        reference=dict(golden.expected.outputs),
        float64=golden.exact,
        as_exported=dict(golden.expected.as_exported),
        whole=dict(golden.expected.whole),
    ).save(subject.directory)


def _save_cases(subject: Subject, cases: Sequence[Case]) -> None:
    """Writes golden/, by the kernels that an app gets."""
    files = subject.files
    opened = (
        (artifact, open_session(files[artifact], SessionOptions(kernels=kernels)))
        for artifact, kernels in against_reference.app_runs(files)
    )
    golden_folder.write(subject.directory, cases, opened, subject.classes)


def _given(subject: Subject, by: Judging) -> _Given:
    run, given = subject.reference, by.samples
    float64 = cache(partial(run.float64, given.reals))
    whole = run.doubts(given.reals, by.outputs, subject.thresholds)
    expected = Expected(
        *(given, by.outputs, depth(run.model), subject.net.trained, subject.parts, float64),
        whole=whole,
    )
    return _Given(expected, float64, by.told)
