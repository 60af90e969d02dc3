"""What a user says of how photos become a net's input, where the net itself does not say it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from edgeconv.data.inputs import InputSpec, Intake, agreeing
from edgeconv.data.preprocessing import Interpolation, Preprocessing, Stretch
from edgeconv.errors import UsageError

Channels = tuple[float, ...]

#: The axes of an image.
_IMAGE = ("channels", "height", "width")


@dataclass(frozen=True)
class Stated:
    """Fields of `Preprocessing` as the user states them, and class names; None where not stated.

    Attributes:
        mean, std: per channel, on 0..1; a single number is of all.
        resize: of the short side, in pixels, before the crop; or "stretch".
        interpolation: of the resize.
        labels: class names in the order of the logits.
    """

    mean: Channels | None = None
    std: Channels | None = None
    resize: int | Stretch | None = None
    interpolation: Interpolation | None = None
    labels: tuple[str, ...] | None = None

    @property
    def is_of_photos(self) -> bool:
        """Whether anything is stated of how a photo becomes an input."""
        return bool(self._fields(1))

    def applied(self, preprocessing: Preprocessing) -> Preprocessing:
        """A net's own preprocessing with what is stated in its place.

        Raises:
            UsageError: a value is out of range.
        """
        return replace(preprocessing, **self._fields(preprocessing.channels))

    def whole(self, channels: int, input_size: tuple[int, int], of: str) -> Preprocessing:
        """The preprocessing of a net that has none of its own.

        Args:
            channels: of the net's image.
            input_size: its (height, width).
            of: what the net is called in a message.

        Raises:
            UsageError: it is not stated whole; names what is missing.
        """
        self.require_whole(of)
        return replace(Preprocessing(input_size=input_size), **self._fields(channels))

    def require_whole(self, of: str) -> None:
        """Raises UsageError where something is missing for a net that says nothing itself."""
        needed = {"--mean": self.mean, "--std": self.std, "--resize": self.resize}
        missing = [option for option, value in needed.items() if value is None]
        if missing:
            raise UsageError(
                f"{of} does not say how a photo becomes its input: give {', '.join(missing)}. "
                "Nets trained as torchvision's take --mean 0.485,0.456,0.406 --std "
                "0.229,0.224,0.225 --resize 256 at 224 pixels; ask whoever trained it. Or give "
                "--calib DIR of .npy or .npz files, tensors as the net takes them"
            )

    def _fields(self, channels: int) -> dict[str, Any]:
        fields = ("mean", "std", "resize", "interpolation")
        found = {name: getattr(self, name) for name in fields if getattr(self, name) is not None}
        for name in ("mean", "std"):
            if len(found.get(name, ())) == 1:
                found[name] *= channels
        return found


def of_stated(inputs: tuple[InputSpec, ...], stated: Stated, of: str) -> Intake:
    """What a net takes that has no preprocessing of its own.

    Args:
        inputs: the net's.
        stated: what the user says of photos.
        of: what the net is called in a message.

    Raises:
        UsageError: it is not stated whole, or the net takes no such image.
    """
    stated.require_whole(of)
    if len(inputs) != 1 or len(inputs[0].shape) != len(_IMAGE):
        raise UsageError(
            f"{of} takes {', '.join(map(str, inputs))}, which is no single image, "
            f"({', '.join(_IMAGE)}): leave --mean, --std, --resize and --interpolation out, and "
            "give tensors"
        )
    channels, height, width = inputs[0].shape
    preprocessing = stated.whole(channels, (height, width), of)
    return Intake(inputs, agreeing(inputs, preprocessing, of))
