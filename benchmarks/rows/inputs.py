"""What every tool starts from and every file is judged by: photos, and PyTorch's own outputs.

    python inputs.py ROW FOLDER

calibration/NNN.png   photos for calibration, cut to the net's size
inputs.npy            float32 (photos, 3, height, width), normalized; no tool has calibrated on them
reference.npz         out_I: output I for each of them, of the net in float64 (or float32, where the
                      net itself asks for float32); single_I: of the net in float32
onnx2tf.npy           float32 (photos, height, width, 3) in 0..1, the calibration photos
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from build import build, images
from numpy.typing import NDArray
from PIL import Image
from torch import nn

CALIBRATION, JUDGING = 16, 4


def main() -> None:
    row, folder = sys.argv[1], Path(sys.argv[2])
    net = build(row)
    size = tuple(net.preprocessing["input_size"])
    given = images(JUDGING, size, "golden")
    np.save(folder / "inputs.npy", given.numpy())
    _write_photos(folder, size)
    try:
        single = _outputs(net, given)
    except RuntimeError:  # a net in half precision: edgeconv takes it in float32
        single = _outputs(net.float(), given)
    try:
        exact = _outputs(copy.deepcopy(net).double(), given.double())
    except RuntimeError as error:
        print(f"float32 is the reference: {error}")
        exact = single
    named = {f"out_{i}": value for i, value in enumerate(exact)}
    named |= {f"single_{i}": value for i, value in enumerate(single)}
    np.savez(folder / "reference.npz", **named)


def _write_photos(folder: Path, size: tuple[int, int]) -> None:
    from build import pixels

    place = folder / "calibration"
    place.mkdir(exist_ok=True)
    photos = pixels(CALIBRATION, size, "calibration")
    for number, photo in enumerate(photos):
        Image.fromarray(photo).save(place / f"{number:03}.png")
    np.save(folder / "onnx2tf.npy", np.stack(photos).astype(np.float32) / 255)


def _outputs(net: nn.Module, given: torch.Tensor) -> list[NDArray[Any]]:
    """Each output's values, stacked over the photos."""
    from edgeconv.nets.running import tensors_of

    with torch.no_grad():
        seen = [[t.numpy().copy() for t in tensors_of(net(photo[None].clone()))] for photo in given]
    return [np.stack(values) for values in zip(*seen, strict=True)]


if __name__ == "__main__":
    main()
