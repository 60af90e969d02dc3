"""What a project is made around: one file of a bundle, and what it takes and gives."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgeconv.data.preprocessing import Preprocessing
from edgeconv.embed import golden
from edgeconv.errors import UnknownName, UsageError
from edgeconv.runtime.adapt import dequantize
from edgeconv.runtime.open import engine_of, open_session
from edgeconv.runtime.session import EngineName, Session, TensorSpec

if TYPE_CHECKING:
    from edgeconv.bundle.bundle import Bundle

_LONGEST_TITLE = 60
#: What a file's outputs are.
Gives = Literal["classes", "boxes", "mask"]


@dataclass(frozen=True)
class Subject:
    """One file of a bundle.

    Attributes:
        title: the net's name, of letters, digits and `_.+-` alone: it may stand in any language.
        artifact: the file's short name, such as "int8.tflite".
        path: where it stands.
        engine: what opens it.
        preprocessing: how a photo becomes its input.
        taken: its only input.
        outputs: all of them, in the file's order.
        gives: what they are: a row of classes, boxes with their scores, or the class of each pixel.
        gives_probabilities: whether that needs no softmax.
        labels: the classes' names, None where they are not known.
        cases: golden photos, and what the file must make of them.
    """

    title: str
    artifact: str
    path: Path
    engine: EngineName
    preprocessing: Preprocessing
    taken: TensorSpec
    outputs: tuple[TensorSpec, ...]
    gives: Gives
    gives_probabilities: bool
    labels: tuple[str, ...] | None
    cases: tuple[golden.Case, ...]

    @property
    def given(self) -> TensorSpec:
        """Its first output."""
        return self.outputs[0]

    def place(self, name: str) -> int:
        """Of an output, among all."""
        return [spec.name for spec in self.outputs].index(name)

    @property
    def mask_is_nhwc(self) -> bool:
        """Whether a map's classes are its last axis, as in TFLite files."""
        return _classes_come_last(self.engine)

    @property
    def map_size(self) -> tuple[int, int, int]:
        """Height, width and classes of a map."""
        _, one, two, three = self.given.shape
        return (one, two, three) if self.mask_is_nhwc else (two, three, one)

    @property
    def is_nhwc(self) -> bool:
        """Whether the input's axes are (N, H, W, C)."""
        channels = self.preprocessing.channels
        return self.taken.shape[1:] == (*self.preprocessing.input_size, channels)

    @property
    def takes_pixels(self) -> bool:
        """Whether the file normalizes by itself: it is fed the pixels as they are."""
        return self.taken.dtype.name == "uint8"

    @property
    def is_exact(self) -> bool:
        """Whether the file computes in float32."""
        return self.artifact in ("onnx", "tflite")

    @property
    def tolerance(self) -> float:
        """How far a probability of another engine, or of another CPU, may be from the noted one.

        A float32 file's differ in the last digits alone. Integers may be a step apart in every
        operator; onnxruntime's kernels round otherwise from one build to another (docs/embed.md).
        """
        if self.is_exact:
            return 0.001
        return 0.1 if self.engine == "litert" else 0.2


def read(bundle: Bundle, artifact: str) -> Subject:
    """The file of a bundle by its short name.

    Raises:
        UnknownName: the bundle holds no such file.
        UsageError: it gives none of what projects are made for.
        BundleRefused: the bundle has no golden photos, or they are of another net.
        ArtifactRefused: the engine cannot open the file.
    """
    held = bundle.artifacts
    if artifact not in held:
        raise UnknownName("file of this bundle", artifact, held, f"It holds {', '.join(held)}")
    preprocessing = bundle.preprocessing
    session = open_session(held[artifact])
    gives = _gives(artifact, session)
    if session.inputs[0].shape[0] != 1:
        raise UsageError(
            f"{artifact} takes {session.inputs[0].shape[0]} photos at once; projects are made for "
            "one: export the net without a larger batch"
        )
    fed = golden.Fed(artifact, preprocessing, session.inputs[0], session.engine)
    cases = golden.read(bundle.directory, fed, of_classes=gives == "classes")
    return Subject(
        title=_plain(str(bundle.manifest["net"]["name"])),
        artifact=artifact,
        path=held[artifact],
        engine=engine_of(held[artifact]),
        preprocessing=preprocessing,
        taken=session.inputs[0],
        outputs=tuple(session.outputs),
        gives=gives,
        gives_probabilities=bundle.gives_probabilities,
        labels=bundle.labels,
        cases=tuple(replace(case, arrays=_arrays(session, fed, case, gives)) for case in cases),
    )


def _gives(artifact: str, session: Session) -> Gives:
    """What a file's outputs are; raises UsageError where they are none of these."""
    ranks = {spec.name: len(spec.shape) for spec in session.outputs}
    first = session.outputs[0]
    if len(first.shape) == 2 and _is_of_reals(first):
        return "classes"
    if ranks == {"boxes": 3, "scores": 3}:
        return "boxes"
    if len(ranks) == 1 and len(first.shape) == 4:
        return "mask"
    told = ", ".join(f"{spec.name} {spec.dtype} {list(spec.shape)}" for spec in session.outputs)
    raise UsageError(
        f"{artifact} gives {told}; projects are made for a row of classes first, for `boxes` "
        "(1, n, 4) with `scores` (1, n, classes), and for one map of classes of four axes"
    )


def _is_of_reals(spec: TensorSpec) -> bool:
    """Whether it is float or on a grid; places and truth values are no classes' scores."""
    return spec.dtype.kind == "f" or spec.scale is not None


def _arrays(
    session: Session, fed: golden.Fed, case: golden.Case, gives: Gives
) -> tuple[NDArray[Any], ...]:
    """What a project's outputs are held against; classes are, by `expected.tsv`, already."""
    if gives == "classes":
        return ()
    taken = session.inputs[0]
    feed = np.frombuffer(fed.tensor(case.pixels), taken.dtype).reshape(taken.shape)
    made = session.run([feed])
    reals = [dequantize(array, spec)[0] for array, spec in zip(made, session.outputs, strict=True)]
    if gives == "boxes":
        return tuple(reals)
    axis = -1 if _classes_come_last(session.engine) else 0
    return (reals[0].argmax(axis=axis).astype(np.int32),)


def _classes_come_last(engine: EngineName) -> bool:
    """Whether a map is (N, H, W, classes), as in TFLite files."""
    return engine == "litert"


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.+-]", "_", name)[:_LONGEST_TITLE] or "net"
