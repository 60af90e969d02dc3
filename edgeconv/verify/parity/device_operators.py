"""Every int8 operator of a bundle on a device, on the integers that it gets here.

The int8 files are cut apart (`cut_tflite`, `cut_onnx`), so that no difference spreads.
What is fed are the integers LiteRT's reference kernels compute here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeconv.files.tflite.file import TfliteFile, read
from edgeconv.files.tflite.resize_places import bilinear_resizes, explained_steps
from edgeconv.runtime.adapt import Images, app_input
from edgeconv.runtime.litert import LiteRtSession
from edgeconv.runtime.open import open_session
from edgeconv.runtime.saturation import int8_convolution_saturates
from edgeconv.runtime.session import EngineName, Kernels, Opener, SessionOptions
from edgeconv.verify.parity.cut_tflite import isolate
from edgeconv.verify.parity.operators import IsolatedOnnx, steps_apart
from edgeconv.verify.parity.stages import StageResult
from edgeconv.verify.thresholds import Thresholds

#: One photo: every value of every tensor is a sample.
_PHOTOS = 1


@dataclass(frozen=True)
class OperatorIdentity:
    """One int8 operator on a device.

    Attributes:
        engine: the engine that ran it.
        name: the tensor it writes.
        kind: the operator in the words of its format.
        identical: whether every integer is the one this machine's engine computed; None where
            this machine's kernels saturate and say nothing.
        max_steps: largest difference from LiteRT's reference kernels, in steps of its scale, less
            what `resize_places` explains.
        share_differing: share of its integers that differ from those, 0 to 1.
    """

    engine: EngineName
    name: str
    kind: str
    identical: bool | None
    max_steps: int
    share_differing: float


def check(
    artifacts: Mapping[str, Path],
    images: Images,
    opener: Opener,
    engines: tuple[EngineName, ...],
) -> tuple[OperatorIdentity, ...]:
    """Every operator of the bundle's int8 files; nothing where it has none.

    Raises:
        ArtifactRefused, DeviceFailed: a cut file cannot be made, or run there.
    """
    if "int8.tflite" not in artifacts:
        return ()
    original = LiteRtSession(
        artifacts["int8.tflite"], SessionOptions(kernels="reference", keep_tensors=True)
    )
    fed = app_input(original.inputs[0], images[:_PHOTOS])
    original.run([np.resize(fed, original.inputs[0].shape)])
    file = read(artifacts["int8.tflite"])
    with tempfile.TemporaryDirectory() as held:
        found: list[OperatorIdentity] = []
        if "litert" in engines:
            found += _tflite(file, original, opener, Path(held))
        if "onnxruntime" in engines and "int8.onnx" in artifacts:
            found += _onnx(artifacts["int8.onnx"], file, original, opener, Path(held))
    return tuple(found)


def stage(
    operators: tuple[OperatorIdentity, ...], device: str, thresholds: Thresholds
) -> Iterator[StageResult]:
    """The operators as a stage of parity; nothing where there are none."""
    if not operators:
        return
    worst = max(operators, key=lambda o: (o.max_steps, o.share_differing))
    same = sum(operator.identical is True for operator in operators)
    yield StageResult(
        name=f"int8 operators on {device}",
        a="LiteRT's reference kernels here",
        b=device,
        passed=worst.max_steps <= thresholds.operator_steps,
        note=(
            f"{len(operators)} operators on identical integers: {same} bit-identical to this "
            f"machine's; at most {worst.max_steps} step{'' if worst.max_steps == 1 else 's'} from "
            f"the reference kernels ({worst.engine} {worst.kind} {worst.name})"
        ),
    )


def _tflite(
    file: TfliteFile, original: LiteRtSession, opener: Opener, directory: Path
) -> Iterator[OperatorIdentity]:
    isolated = isolate(file.path)
    cut = directory / "operators.tflite"
    cut.write_bytes(isolated.data)
    feeds = isolated.feeds(original)
    there = opener(cut, SessionOptions()).run(feeds)
    here = open_session(cut).run(feeds)
    explained = explained_steps(bilinear_resizes(file), original)
    for operator, a, b in zip(isolated.operators, there, here, strict=True):
        given = original.read_tensor(operator.name)
        steps = steps_apart(a, given) - explained.get(operator.name, 0)
        yield _identity("litert", operator.name, operator.kind, steps, bool(np.array_equal(a, b)))


def _onnx(
    path: Path, file: TfliteFile, original: LiteRtSession, opener: Opener, directory: Path
) -> Iterator[OperatorIdentity]:
    isolated = IsolatedOnnx.of(path, file, original)
    cut = directory / "operators.onnx"
    cut.write_bytes(isolated.data)
    kernels: Kernels = "reference" if int8_convolution_saturates() else "default"
    given = isolated.given(original)
    there, here = opener(cut, SessionOptions()), open_session(cut, SessionOptions(kernels=kernels))
    feeds = [given[spec.name] for spec in there.inputs]
    made_there = dict(zip((s.name for s in there.outputs), there.run(feeds), strict=True))
    made_here = dict(zip((s.name for s in here.outputs), here.run(feeds), strict=True))
    explained = explained_steps(bilinear_resizes(file), original)
    for cut_at in isolated.judged:
        written = str(cut_at.written)
        same = bool(np.array_equal(made_there[written], made_here[written]))
        yield _identity(
            "onnxruntime",
            cut_at.name,
            cut_at.op_type,
            steps_apart(made_there[written], given[cut_at.fed]) - cut_at.explained(explained),
            same if kernels == "default" else None,
        )


def _identity(
    engine: EngineName,
    name: str,
    kind: str,
    steps: NDArray[np.int16],
    identical: bool | None,
) -> OperatorIdentity:
    return OperatorIdentity(
        engine=engine,
        name=name,
        kind=kind,
        identical=identical,
        max_steps=int(steps.max(initial=0)),
        share_differing=float(np.count_nonzero(steps > 0) / max(steps.size, 1)),
    )
