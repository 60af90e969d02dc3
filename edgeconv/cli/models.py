"""Which model files a BUNDLE, a NET or a FILE on the command line stands for."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgeconv.bundle.artifacts import FILES
from edgeconv.bundle.bundle import Bundle, is_bundle, require_artifacts
from edgeconv.cli.bundles import bundle_directory, is_model_file
from edgeconv.data.folders import is_of_tensors
from edgeconv.data.inputs import InputSpec, Intake
from edgeconv.data.preprocessing import Preprocessing, scaled_to
from edgeconv.errors import RefusedError
from edgeconv.report.console import say
from edgeconv.runtime.open import open_session
from edgeconv.verify.parity.output_parts import OutputParts

_RGB = 3


@dataclass(frozen=True)
class Models:
    """Model files that belong together.

    Attributes:
        artifacts: path by the name it is shown under.
        reference: which of them is the float reference.
        intake: what they take, and how a photo becomes it.
        labels: names of the classes, None where they are not known.
        classes: how many there are; None where the first output is no row of logits.
        output_parts: how each output is told apart, by its name.
    """

    artifacts: dict[str, Path]
    reference: str
    intake: Intake
    labels: tuple[str, ...] | None
    classes: int | None
    output_parts: dict[str, OutputParts] = field(default_factory=dict)

    @property
    def takes_tensors(self) -> bool:
        """Whether they are fed no photos."""
        return self.intake.preprocessing is None

    @property
    def parts(self) -> dict[str, slice]:
        """Columns of the logits that are joined from tensors of their own, by name."""
        told = next(iter(self.output_parts.values()), OutputParts())
        return {part.name: slice(part.start[0], part.stop[0]) for part in told.parts}

    def require_classes(self) -> int:
        """How many classes there are; raises RefusedError where the net is no classifier."""
        if self.classes is None:
            raise RefusedError(
                f"{self.artifacts[self.reference]} gives no row of logits for a photo, so it is no "
                "classifier; leave --task out to see how far its files agree with float"
            )
        return self.classes


def model_files(target: str, out: Path | None = None) -> dict[str, Path]:
    """The files of a bundle, or one file, by the name each is shown under."""
    path = Path(target)
    if is_model_file(target):
        return {path.name: path}
    return require_artifacts(Bundle.load(bundle_directory(target, out)))


def models_to_evaluate(target: str, data: Path) -> Models:
    """The files of a bundle, or one file and the float file it is judged against.

    Args:
        target: the bundle or the file.
        data: the folder of what they will run on, which says what a file of no bundle takes.
    """
    if is_model_file(target):
        return _single(Path(target), data)
    bundle = Bundle.load(bundle_directory(target))
    return _of_bundle(bundle, require_artifacts(bundle))


def _of_bundle(bundle: Bundle, artifacts: dict[str, Path]) -> Models:
    reference = next((name for name in ("onnx", "tflite") if name in artifacts), None)
    if reference is None:
        raise RefusedError(f"{bundle.directory} holds no float file to compare with")
    return Models(
        artifacts,
        reference,
        bundle.intake,
        bundle.labels,
        _classes(artifacts[reference]),
        bundle.output_parts,
    )


def _single(path: Path, data: Path) -> Models:
    """A file of a bundle is judged against its bundle's float file, any other one alone."""
    if path.name in FILES.values() and is_bundle(path.parent):
        bundle = Bundle.load(path.parent)
        whole = _of_bundle(bundle, bundle.artifacts)
        own = next(name for name, held in whole.artifacts.items() if held.name == path.name)
        kept = {name: whole.artifacts[name] for name in (whole.reference, own)}
        return replace(whole, artifacts=kept)
    session = open_session(path)
    inputs = tuple(InputSpec(spec.name, spec.shape[1:]) for spec in session.inputs)
    intake = Intake(inputs, of_file=True)
    shape = session.inputs[0].shape
    takes_photos = len(inputs) == 1 and len(shape) == 4 and _RGB in (shape[1], shape[-1])
    if takes_photos and not is_of_tensors(data):
        intake = _as_imagenet(path, shape)
    return Models({path.name: path}, path.name, intake, None, _classes(path))


def _as_imagenet(path: Path, shape: tuple[int, ...]) -> Intake:
    """What a file of four axes takes, were it made as most classifiers are; says so."""
    size = (shape[1], shape[2]) if shape[-1] == _RGB else (shape[-2], shape[-1])
    preprocessing = scaled_to(Preprocessing(), size)
    say(
        f"warning: {path} stands in no bundle: photos are preprocessed the ImageNet way "
        f"({json.dumps(preprocessing.to_json())})",
        err=True,
    )
    return Intake.of_photos(preprocessing)


def _classes(path: Path) -> int | None:
    shape = open_session(path).outputs[0].shape
    return shape[1] if len(shape) == 2 else None
