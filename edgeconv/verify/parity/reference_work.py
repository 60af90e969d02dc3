"""How much LiteRT's reference kernels are given to do: plain loops, a hundred times XNNPACK's time.

They do about two billion multiply-adds a second on a core: a photo of MobileNetV2 is done in a
sixth of a second, and one of a dilated VGG at 512 x 512 pixels would take five minutes.
"""

from __future__ import annotations

from pathlib import Path

from edgeconv.files.read import read_operations
from edgeconv.runtime.session import SessionOptions

#: Photos at most: how good a file is, all photos show on its other kernels, and whether these agree
#: with those shows on any.
MOST_PHOTOS = 4
#: Multiply-adds in one run of a file, about; at least one photo all the same ...
WORK = 30_000_000_000
#: ... except where a single one is more than this.
MOST_WORK = 200_000_000_000
TOO_SLOW = "a photo would take minutes on LiteRT's reference kernels"


def reference_photos(tflite: Path) -> int:
    """How many photos the reference kernels are given of a file; 0 where one is too many.

    Raises:
        ArtifactRefused: it is no TFLite file, or is damaged.
    """
    file = read_operations(tflite)
    shape = file.inputs[0].shape if file.inputs else ()
    batch = (shape[0] if shape else None) or 1
    if file.multiply_adds > MOST_WORK:
        return 0
    runs = min(-(-MOST_PHOTOS // batch), WORK // max(1, file.multiply_adds))
    return batch * max(1, runs)


def ways_of(path: Path) -> list[SessionOptions]:
    """Every way in which parity may run a model file; raises as `reference_photos`."""
    plain, reference = SessionOptions(), SessionOptions(kernels="reference")
    if path.suffix != ".tflite":
        return [plain, reference]
    ways = [plain, SessionOptions(keep_tensors=True)]
    return [*ways, reference] if reference_photos(path) else ways
