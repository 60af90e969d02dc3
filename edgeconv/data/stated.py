"""What a user says of how photos become a net's input, where the net itself does not say it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from edgeconv.data.preprocessing import Interpolation, Preprocessing, Stretch
from edgeconv.errors import UsageError

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Stated:
    """Fields of `Preprocessing` as the user states them, and class names; None where not stated.

    Attributes:
        mean, std: per channel, on 0..1 RGB.
        resize: of the short side, in pixels, before the crop; or "stretch".
        interpolation: of the resize.
        labels: class names in the order of the logits.
    """

    mean: Triple | None = None
    std: Triple | None = None
    resize: int | Stretch | None = None
    interpolation: Interpolation | None = None
    labels: tuple[str, ...] | None = None

    @property
    def is_of_photos(self) -> bool:
        """Whether anything is stated of how a photo becomes an input."""
        return bool(self._fields)

    def applied(self, preprocessing: Preprocessing) -> Preprocessing:
        """A net's own preprocessing with what is stated in its place.

        Raises:
            UsageError: a value is out of range.
        """
        return replace(preprocessing, **self._fields)

    def whole(self, input_size: tuple[int, int], of: str) -> Preprocessing:
        """The preprocessing of a net that has none of its own.

        Args:
            input_size: (height, width) of the net's input.
            of: what the net is called in a message.

        Raises:
            UsageError: it is not stated whole; names what is missing.
        """
        self.require_whole(of)
        return replace(Preprocessing(input_size=input_size), **self._fields)

    def require_whole(self, of: str) -> None:
        """Raises UsageError where something is missing for a net that says nothing itself."""
        needed = {"--mean": self.mean, "--std": self.std, "--resize": self.resize}
        missing = [option for option, value in needed.items() if value is None]
        if missing:
            raise UsageError(
                f"{of} does not say how a photo becomes its input: give {', '.join(missing)}. "
                "Nets trained as torchvision's take --mean 0.485,0.456,0.406 --std "
                "0.229,0.224,0.225 --resize 256 at 224 pixels; ask whoever trained it"
            )

    @property
    def _fields(self) -> dict[str, Any]:
        fields = ("mean", "std", "resize", "interpolation")
        return {name: getattr(self, name) for name in fields if getattr(self, name) is not None}
