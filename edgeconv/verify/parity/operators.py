"""The two int8 files against each other, operator by operator, on identical integers.

End to end even one file on two sets of kernels drifts, for a difference of one step spreads. So the
ONNX file is cut behind every QuantizeLinear: each operator becomes an island that reads integers
from graph inputs and writes integers to graph outputs. The integers fed are those the TFLite file
computed on LiteRT's reference kernels; what each ONNX operator makes of them is compared with what
the TFLite operator made of them. Graph optimizations stay off, so no CPU's kernel saturates.

Of RESIZE_BILINEAR LiteRT's portable kernel counts places in 1024ths of a pixel; what that explains
(`resize_places`) is no difference between the files.

Reshape, Transpose and the like are not cut: they move integers, and the two files may rightly hold
what they move in different orders. Whether they moved them alike shows in the next operator.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.errors import ArtifactRefused, UsageError
from edgeconv.files.onnx.load import load
from edgeconv.files.tflite.file import TfliteFile, read
from edgeconv.files.tflite.resize_places import bilinear_resizes, explained_steps
from edgeconv.files.tflite.tensor_order import orders
from edgeconv.runtime.adapt import Samples, fed_batches
from edgeconv.runtime.litert import LiteRtSession
from edgeconv.runtime.open import open_session
from edgeconv.runtime.ort import OrtSession
from edgeconv.runtime.session import EngineName, Session, SessionOptions
from edgeconv.verify.parity.cut_onnx import Cut, Tensors, isolate
from edgeconv.verify.parity.reference_work import reference_photos
from edgeconv.verify.parity.stages import OPERATORS, StageResult
from edgeconv.verify.steps import Steps
from edgeconv.verify.thresholds import Thresholds


@dataclass(frozen=True)
class OperatorAgreement:
    """How far one operator of the two files is apart on identical integers.

    Attributes:
        name: the hub tensor the operator writes.
        op_type: its ONNX operator.
        max_steps: largest difference between the two integers, in steps of the output's scale,
            less what `resize_places` explains.
        share_differing: share of the output's integers that differ, 0 to 1.
    """

    name: str
    op_type: str
    max_steps: int
    share_differing: float


@dataclass(frozen=True)
class OperatorReport:
    """Every operator of two int8 files.

    Attributes:
        agreements: one for each operator that computes, the worst first.
        unmatched: tensors the TFLite file does not hold in the same form; their operators were
            compared joined to their readers.
        kernels: which of LiteRT's computed the TFLite operators, "reference" or "built-in".
    """

    agreements: tuple[OperatorAgreement, ...]
    unmatched: tuple[str, ...]
    kernels: str = "reference"

    def stage(self, thresholds: Thresholds) -> StageResult:
        """The report as a stage of parity."""
        worst = self.agreements[0]
        joined = f"; {len(self.unmatched)} only joined to others" if self.unmatched else ""
        return StageResult(
            name=OPERATORS,
            a=f"int8.tflite, {self.kernels} kernels",
            b="int8.onnx, optimizations off",
            passed=worst.max_steps <= thresholds.operator_steps,
            note=(
                f"{len(self.agreements)} operators on identical integers{joined}: at most "
                f"{worst.max_steps} step{'' if worst.max_steps == 1 else 's'} apart "
                f"({worst.op_type} {worst.name}, {worst.share_differing:.2%} of its values)"
            ),
        )


@dataclass(frozen=True, eq=False)
class IsolatedOnnx:
    """An int8 ONNX file cut behind every operator, to be fed with a TFLite file's integers.

    Attributes:
        data: the cut model.
        cuts: every place where it was cut.
        unmatched: see OperatorReport.
    """

    data: bytes
    cuts: tuple[Cut, ...]
    unmatched: tuple[str, ...]

    @classmethod
    def of(cls, int8_onnx: Path, file: TfliteFile, lite: LiteRtSession) -> IsolatedOnnx:
        """Cuts a file where the TFLite file of the same plan, open as `lite` too, has the tensor.

        Raises:
            ArtifactRefused: it cannot be read, or the two have no tensor in common.
        """
        tensors = Tensors(lite.tensor_specs(), orders(file))
        parts = isolate(load(int8_onnx), tensors)
        found = cls(
            ir.to_proto(parts.model).SerializeToString(), tuple(parts.cuts), parts.unmatched
        )
        if not found.judged:
            raise ArtifactRefused(
                f"{int8_onnx} has no quantized tensor in common with the TFLite file; both must "
                "come from one export"
            )
        return found

    @property
    def judged(self) -> list[Cut]:
        """The cuts that end an operator."""
        return [cut for cut in self.cuts if cut.written is not None]

    def given(self, lite: LiteRtSession) -> dict[str, NDArray[Any]]:
        """Inputs of the cut model by name: what `lite` holds after its last run."""
        return {cut.fed: cut.in_hub_order(lite.read_tensor(cut.tensor)) for cut in self.cuts}

    def run(self, opened: Session, given: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """What the cut model, open in a session, makes of its inputs, by name."""
        results = opened.run([given[spec.name] for spec in opened.inputs])
        return {spec.name: array for spec, array in zip(opened.outputs, results, strict=True)}


class KeptTensors:
    """An int8 TFLite file open with its tensors kept, which threads may share: a run at a time.

    Attributes:
        path: the file, with the hub's names.
        kernels: which of LiteRT's run it: "reference", or "built-in" where those lack an operator,
            or time.
        session: the open file; hold `alone` from a run until its tensors are read.
        engine, inputs, outputs: see `Session`.
    """

    def __init__(self, path: Path) -> None:
        """Opens it; raises ArtifactRefused where that fails."""
        self.path = path
        self.session, self.kernels = _keeping_tensors(path)
        self.engine: EngineName = self.session.engine
        self.inputs, self.outputs = self.session.inputs, self.session.outputs
        self.alone = threading.Lock()

    def run(self, feeds: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """See `Session`."""
        with self.alone:
            return self.session.run(feeds)

    def opener(self, path: Path, options: SessionOptions) -> Session:
        """Opens any file; this one is not opened twice for the same kernels."""
        is_open = path == self.path and options.kernels == self.kernels
        return self if is_open else open_session(path, options)


def check(int8_onnx: Path, tflite: KeptTensors, images: Samples) -> OperatorReport:
    """Compares every operator of two int8 files written from one plan.

    Args:
        int8_onnx: in QDQ form, with the names of `edgeconv.graph.qdq_names`.
        tflite: the TFLite file.
        images: what to run; more images find more.

    Raises:
        ArtifactRefused: a file cannot be loaded, or the two have no tensor in common.
        UsageError: the images do not fit the files.
    """
    if not len(images):
        raise UsageError("no image to compare the int8 files on")
    lite = tflite.session
    file = read(tflite.path)
    parts = IsolatedOnnx.of(int8_onnx, file, lite)
    isolated = OrtSession(parts.data, SessionOptions(kernels="reference"))
    resizes = bilinear_resizes(file)
    apart = {cut.name: Steps() for cut in parts.judged}
    for feeds in fed_batches(lite, images):
        with tflite.alone:
            lite.run(feeds)
            given, explained = parts.given(lite), explained_steps(resizes, lite)
        made = parts.run(isolated, given)
        for cut in parts.judged:
            steps = cut.explained(explained)
            apart[cut.name].add(made[str(cut.written)], given[cut.fed], steps)
    agreements = [
        OperatorAgreement(cut.name, cut.op_type, steps.most, steps.share_differing)
        for cut in parts.judged
        for steps in [apart[cut.name]]
    ]
    agreements.sort(key=lambda a: (-a.max_steps, -a.share_differing))
    return OperatorReport(tuple(agreements), parts.unmatched, tflite.kernels)


def _keeping_tensors(path: Path) -> tuple[LiteRtSession, str]:
    """The file on reference kernels; on the built-in ones where those lack an operator, or time."""
    if reference_photos(path):
        with suppress(ArtifactRefused):
            options = SessionOptions(kernels="reference", keep_tensors=True)
            return LiteRtSession(path, options), "reference"
    return LiteRtSession(path, SessionOptions(keep_tensors=True)), "built-in"
