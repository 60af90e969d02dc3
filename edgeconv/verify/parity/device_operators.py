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

from edgeconv.files.tflite.file import TfliteFile, read
from edgeconv.files.tflite.resize_places import bilinear_resizes, explained_steps
from edgeconv.runtime.adapt import Samples, app_inputs
from edgeconv.runtime.litert import LiteRtSession
from edgeconv.runtime.open import open_session
from edgeconv.runtime.saturation import int8_convolution_saturates
from edgeconv.runtime.session import EngineName, Kernels, Opener, SessionOptions
from edgeconv.verify.parity.cut_tflite import isolate
from edgeconv.verify.parity.operators import IsolatedOnnx
from edgeconv.verify.parity.stages import StageResult
from edgeconv.verify.steps import Steps
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
    images: Samples,
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
    fed = app_inputs(original, images[:_PHOTOS])
    pairs = zip(fed, original.inputs, strict=True)
    original.run([np.resize(array, spec.shape) for array, spec in pairs])
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
        name, same = operator.name, bool(np.array_equal(a, b))
        apart = Steps().add(a, original.read_tensor(name), explained.get(name, 0))
        yield OperatorIdentity(
            "litert", name, operator.kind, same, apart.most, apart.share_differing
        )


def _onnx(
    path: Path, file: TfliteFile, original: LiteRtSession, opener: Opener, directory: Path
) -> Iterator[OperatorIdentity]:
    isolated = IsolatedOnnx.of(path, file, original)
    cut = directory / "operators.onnx"
    cut.write_bytes(isolated.data)
    kernels: Kernels = "reference" if int8_convolution_saturates() else "default"
    given = isolated.given(original)
    there, here = opener(cut, SessionOptions()), open_session(cut, SessionOptions(kernels=kernels))
    made_there, made_here = isolated.run(there, given), isolated.run(here, given)
    explained = explained_steps(bilinear_resizes(file), original)
    for place in isolated.judged:
        made, held = (found[str(place.written)] for found in (made_there, made_here))
        same = bool(np.array_equal(made, held)) if kernels == "default" else None
        apart = Steps().add(made, given[place.fed], place.explained(explained))
        yield OperatorIdentity(
            "onnxruntime", place.name, place.op_type, same, apart.most, apart.share_differing
        )
