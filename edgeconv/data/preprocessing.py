"""The one definition of how a photo becomes a net's input, for every runtime.

All geometry happens on 8-bit RGB pixels, so that the pixels an app crops are exactly the pixels the
float reference saw; normalization is the affine map that follows:

    x = (pixel / 255 - mean) / std        (per channel, float32)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Interpolation = Literal["bilinear", "bicubic"]


@dataclass(frozen=True)
class Preprocessing:
    """How a decoded RGB photo becomes a net's input.

    Attributes:
        input_size: (height, width) in pixels of what the net sees, the centre crop.
        resize: length in pixels the photo's short side is scaled to before the crop.
        mean: per-channel mean on 0..1 RGB.
        std: per-channel standard deviation on 0..1 RGB.
        interpolation: resampling filter of the resize, with antialiasing.
    """

    input_size: tuple[int, int] = (224, 224)
    resize: int = 256
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    interpolation: Interpolation = "bilinear"
