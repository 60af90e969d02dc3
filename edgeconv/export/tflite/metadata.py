"""What a .tflite file says about itself."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class TfliteMetadata:
    """What an app needs to know of a file beside its tensors.

    Attributes:
        name: of the net.
        mean: subtracted from a pixel of 0..255, one number or one for each channel.
        std: divided by afterwards, as many numbers.
        labels: the classes' names in the order of the outputs, None where they are not known.
        license: of the weights, None where it is not known.
        extra: a JSON document, stored as it is in the metadata buffer `edgeconv`.
    """

    name: str
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    labels: tuple[str, ...] | None = None
    license: str | None = None
    extra: str = "{}"

    def __post_init__(self) -> None:
        """Raises ValueError where `extra` is no JSON document."""
        json.loads(self.extra)
