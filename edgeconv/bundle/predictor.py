"""Photos or tensors in, classes out: a session with its preprocessing and labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeconv.data.images import load_image
from edgeconv.data.inputs import Intake
from edgeconv.data.preprocessing import Preprocessing, crop_pixels, normalize
from edgeconv.errors import UsageError
from edgeconv.runtime.adapt import Images, Samples, Tensors, run_logits
from edgeconv.runtime.feeds import by_name
from edgeconv.runtime.session import Session

Photo = Path | str | Image.Image | NDArray[np.uint8]
Arrays = NDArray[np.float32] | Mapping[str, NDArray[np.float32]]


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Of each row along the last axis."""
    reals = logits.astype(np.float64)
    powers = np.exp(reals - reals.max(axis=-1, keepdims=True))
    result: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return result


@dataclass(frozen=True)
class Class:
    """One class of a prediction: its index, its name where known, its softmax probability."""

    index: int
    label: str | None
    probability: float


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a net made of one photo.

    Attributes:
        logits: float32 (classes,), what the file gives.
        labels: the classes' names, None where they are not known.
        are_probabilities: whether the file gives those in place of logits.
    """

    logits: NDArray[np.float32]
    labels: tuple[str, ...] | None
    are_probabilities: bool = False

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Softmax of the logits, (classes,)."""
        if self.are_probabilities:
            return self.logits.astype(np.float64)
        return softmax(self.logits)

    def top(self, count: int = 5) -> list[Class]:
        """The most probable classes, best first."""
        probabilities = self.probabilities
        order = np.argsort(-probabilities, kind="stable")[:count]
        labels = self.labels if self.labels and len(self.labels) == len(probabilities) else None
        return [
            Class(int(i), labels[i] if labels else None, float(probabilities[i])) for i in order
        ]


@dataclass(frozen=True, eq=False)
class Predictor:
    """An artifact that takes photos, or tensors where nothing says how a photo becomes one.

    Attributes:
        session: the artifact.
        intake: what it takes.
        labels: the classes' names, None where they are not known.
        gives_probabilities: whether its first output is a softmax's.
    """

    session: Session
    intake: Intake
    labels: tuple[str, ...] | None
    gives_probabilities: bool = False

    def predict(self, photos: Iterable[Photo]) -> list[Prediction]:
        """Predicts the classes of photos.

        Args:
            photos: paths, Pillow images, or uint8 RGB arrays (height, width, 3) of any size.

        Raises:
            ImageRefused: a file is no image that can be read.
            UsageError: the net is no classifier, nothing says how a photo becomes its input, or a
                photo is none of the above.
        """
        how = self.intake.of_photo("the net")
        return [found for photo in photos for found in self._classes(_images(photo, how))]

    def predict_tensors(self, samples: Iterable[Arrays]) -> list[Prediction]:
        """Predicts the classes of samples that are given as the float net takes them.

        Args:
            samples: float32 arrays of the input's shape without the batch axis, those of several
                inputs by their names.

        Raises:
            UsageError: the net is no classifier, or an array is not of its input's name and shape.
        """
        return [found for given in samples for found in self._classes(self._tensors(given))]

    def _tensors(self, given: Arrays) -> Tensors:
        inputs = self.intake.inputs
        names = [spec.name for spec in inputs]
        if set(names) != set(given) if isinstance(given, Mapping) else len(names) > 1:
            raise UsageError(
                f"the net takes {', '.join(map(str, inputs))}; give an array for each, by its name"
            )
        named = by_name(given, names)
        for spec in inputs:
            if named[spec.name].shape != spec.shape:
                raise UsageError(
                    f"{spec.name} is of shape {named[spec.name].shape}; the net takes {spec.shape}"
                )
        return Tensors({name: np.asarray(array)[np.newaxis] for name, array in named.items()})

    def _classes(self, samples: Samples) -> Iterator[Prediction]:
        logits = run_logits(self.session, samples)
        if logits.ndim != 2:
            raise UsageError(
                f"the net's output has shape {logits.shape}, one row of logits a photo is needed; "
                "run the session yourself for a net that is no classifier"
            )
        yield from (Prediction(row, self.labels, self.gives_probabilities) for row in logits)


def _images(photo: Photo, how: Preprocessing) -> Images:
    pixels = crop_pixels(_as_image(photo, how), how)
    return Images(normalize(pixels, how)[np.newaxis], pixels[np.newaxis])


def _as_image(photo: Photo, how: Preprocessing) -> Image.Image:
    if isinstance(photo, Image.Image):
        return photo.convert(how.mode)
    if isinstance(photo, np.ndarray):
        return Image.fromarray(_checked(photo, how))
    return load_image(Path(photo), how.mode)


def _checked(array: NDArray[Any], how: Preprocessing) -> NDArray[np.uint8]:
    shape: Sequence[int] = array.shape
    if array.dtype != np.uint8 or len(shape) != 3 or shape[2] != how.channels:
        raise UsageError(
            f"an array photo must be uint8 {how.mode} (height, width, {how.channels}), not "
            f"{array.dtype} {tuple(shape)}"
        )
    return array[:, :, 0] if how.channels == 1 else array
