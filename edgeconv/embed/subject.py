"""What a project is made around: one file of a bundle, and what it takes and gives."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgeconv.data.preprocessing import Preprocessing
from edgeconv.embed import golden
from edgeconv.errors import UnknownName, UsageError
from edgeconv.runtime.open import engine_of, open_session
from edgeconv.runtime.session import EngineName, TensorSpec

if TYPE_CHECKING:
    from edgeconv.bundle.bundle import Bundle

_LONGEST_TITLE = 60


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
        given: its first output, a row of classes.
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
    given: TensorSpec
    gives_probabilities: bool
    labels: tuple[str, ...] | None
    cases: tuple[golden.Case, ...]

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
        UsageError: it is of no classifier of photos.
        BundleRefused: the bundle has no golden photos, or they are of another net.
        ArtifactRefused: the engine cannot open the file.
    """
    held = bundle.artifacts
    if artifact not in held:
        raise UnknownName("file of this bundle", artifact, held, f"It holds {', '.join(held)}")
    preprocessing = bundle.preprocessing
    session = open_session(held[artifact])
    given = session.outputs[0]
    if len(given.shape) != 2:
        raise UsageError(
            f"{artifact} gives {given.name} of shape {list(given.shape)}; projects are made for "
            "classifiers, whose first output is one row of classes"
        )
    if session.inputs[0].shape[0] != 1:
        raise UsageError(
            f"{artifact} takes {session.inputs[0].shape[0]} photos at once; projects are made for "
            "one: export the net without a larger batch"
        )
    return Subject(
        title=_plain(str(bundle.manifest["net"]["name"])),
        artifact=artifact,
        path=held[artifact],
        engine=engine_of(held[artifact]),
        preprocessing=preprocessing,
        taken=session.inputs[0],
        given=given,
        gives_probabilities=bundle.gives_probabilities,
        labels=bundle.labels,
        cases=golden.read(
            bundle.directory, golden.Fed(artifact, preprocessing, session.inputs[0], session.engine)
        ),
    )


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.+-]", "_", name)[:_LONGEST_TITLE] or "net"
