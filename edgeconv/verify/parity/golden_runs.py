"""Runs every artifact on the golden photos, several at a time.

LiteRT's reference kernels take most of the time of a parity check (a sixth of a second a photo for
MobileNetV2, where XNNPACK takes ten milliseconds). The engines release Python's lock while they
run, so the runs share the machine's cores, one thread each.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from edgeconv.errors import ArtifactRefused, UsageError
from edgeconv.runtime.adapt import Samples, batch_size, run_outputs
from edgeconv.runtime.metrics import Figures, FloatArray, compare
from edgeconv.runtime.open import engine_of, open_session
from edgeconv.runtime.session import ManyRuns, Opener, Session, SessionOptions
from edgeconv.threads import count_workers
from edgeconv.verify.parity.expected import Expected, Outputs, Run
from edgeconv.verify.parity.output_parts import PartResult, worst_part
from edgeconv.verify.parity.reference_work import TOO_SLOW, reference_photos
from edgeconv.verify.parity.stages import Interface
from edgeconv.verify.thresholds import Threshold

#: Photos for float32 files on reference kernels: a wrong value shows on any photo.
SLOW_FLOAT_PHOTOS = 1
#: Photos for files between float32 and int8 there.
SLOW_PHOTOS = 2


class GoldenRuns:
    """The outputs of each artifact on each set of kernels, in the reference's order and layout.

    Attributes:
        artifacts: names of the files at hand.
        names: of the reference's outputs.
        interfaces: of each file that was opened.
        left_out: why LiteRT's reference kernels did not run a file.
        seconds: how long each run took, beside the others.
    """

    def __init__(
        self,
        paths: Mapping[str, Path],
        expected: Expected,
        runs: Iterable[Run],
        opener: Opener = open_session,
    ) -> None:
        """Runs everything where `opener` opens files; raises as it and `run_outputs` do."""
        self.artifacts = frozenset(paths)
        self.names = tuple(expected.outputs)
        self.interfaces: dict[str, Interface] = {}
        self.left_out: dict[Run, str] = {}
        self.seconds: dict[Run, float] = {}
        self._expected = expected
        self._opener = opener
        self._stop = threading.Event()
        # The slow ones first: a core that is left with the last of them alone costs time.
        wanted = sorted(runs, key=is_fast)
        with ThreadPoolExecutor(count_workers()) as pool:
            try:
                done = pool.map(lambda run: self._timed(paths[run[0]], run), wanted)
                pairs = zip(wanted, done, strict=True)
                self._outputs = {run: outputs for run, outputs in pairs if outputs is not None}
            except BaseException:
                self._stop.set()
                raise

    def __contains__(self, run: Run) -> bool:
        return run in self._outputs

    def outputs(self, run: Run) -> Outputs:
        """What a file gave, one array for each output."""
        return self._outputs[run]

    def figures(self, run: Run, photos: int | None = None) -> tuple[Figures, ...]:
        """One for each output, against the reference; of the first `photos` where that is given."""
        outputs = [output[:photos] for output in self.outputs(run)]
        return compare_all(list(self._expected.outputs.values()), outputs)

    def steps(self, run: Run) -> tuple[float, ...]:
        """The step of each output's grid, in the reference's order; 0 where it has none."""
        told = self.interfaces[run[0]].outputs
        named = {spec.name: spec for spec in told}
        ordered = [named[name] for name in self.names] if set(named) == set(self.names) else told
        return tuple(spec.scale or 0.0 for spec in ordered)

    def _timed(self, path: Path, run: Run) -> Outputs | None:
        started = time.perf_counter()
        try:
            return self._run(path, run, self._expected.images)
        finally:
            self.seconds[run] = time.perf_counter() - started

    def worst_part(self, run: Run, bound: Threshold) -> PartResult | None:
        """The part of an output that lies furthest from the reference; None where none is told."""
        expected = self._expected
        return worst_part(expected.parts, expected.outputs, self.outputs(run), **bound.of_parts)

    def _run(self, path: Path, run: Run, images: Samples) -> Outputs | None:
        """None where LiteRT's reference kernels would take too long, or lack an operator."""
        if run[1] != "reference" or engine_of(path) != "litert":
            return self._outputs_of(path, run, images)
        photos = reference_photos(path)
        if not photos:
            self.left_out[run] = TOO_SLOW
            return None
        try:
            return self._outputs_of(path, run, images[:photos])
        except ArtifactRefused as error:
            # Without the path, which differs from one export to the next.
            self.left_out[run] = str(error).removeprefix(f"{path}: ").partition(". ")[0]
            return None

    def _outputs_of(self, path: Path, run: Run, images: Samples) -> Outputs:
        artifact, kernels = run
        if kernels == "reference" and not artifact.startswith("int8"):
            images = images[: SLOW_FLOAT_PHOTOS if artifact == "tflite" else SLOW_PHOTOS]
        session = self._opener(path, SessionOptions(kernels=kernels))
        self.interfaces[artifact] = Interface(session.inputs, session.outputs)
        batch = batch_size(session)
        at_a_time = len(images) if isinstance(session, ManyRuns) else batch
        parts: list[Outputs] = []
        for start in range(0, len(images), at_a_time):
            if self._stop.is_set():  # another run failed, or the user interrupts
                break
            parts.append(run_outputs(session, images[start : start + at_a_time]))
        whole = [np.concatenate(rows) for rows in zip(*parts, strict=True)]
        return in_order(self.names, session, whole)


def is_fast(run: Run) -> bool:
    """Whether a run does without LiteRT's reference kernels."""
    artifact, kernels = run
    return not (kernels == "reference" and artifact.endswith("tflite"))


def compare_all(references: Outputs, others: Outputs) -> tuple[Figures, ...]:
    """Figures of each output, over the first photos, as many as both have seen."""
    photos = min(len(references[0]), len(others[0]))
    pairs = zip(references, others, strict=True)
    return tuple(compare(a[:photos], b[:photos]) for a, b in pairs)


def in_order(names: Sequence[str], session: Session, outputs: Outputs) -> Outputs:
    """A file's outputs in the order of the reference's, (N, C, H, W) where they are maps.

    Args:
        names: of the reference's outputs; those of a file with other names go by their position.
        session: what gave them.
        outputs: in the file's own order and layout.

    Raises:
        UsageError: the file has another number of outputs.
    """
    if len(outputs) != len(names):
        raise UsageError(
            f"a {session.engine} file has {len(outputs)} outputs, the reference {len(names)}"
        )
    if session.engine == "litert":
        pairs = zip(session.outputs, outputs, strict=True)
        outputs = [_nchw(output, len(spec.shape)) for spec, output in pairs]
    named = dict(zip((spec.name for spec in session.outputs), outputs, strict=True))
    if set(named) == set(names):
        return [named[name] for name in names]
    return outputs


def _nchw(array: FloatArray, rank: int) -> FloatArray:
    """A TFLite file's feature map, of that rank in the file, in the reference's layout."""
    return np.moveaxis(array, -1, -3) if rank == 4 else array
