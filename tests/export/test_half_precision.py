"""float16 files ask for half-precision kernels where the net's values fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edgeconv.export import tflite
from edgeconv.export.half_precision import fits_half_precision
from edgeconv.export.tflite import TfliteMetadata
from edgeconv.files.tflite.file import read
from edgeconv.runtime.litert import LiteRtSession
from edgeconv.runtime.session import SessionOptions
from tests.quantize.nets import hub, photos

KEY = "reduced_precision_support"


class Scaled(nn.Module):
    """A convolution whose results are brought back to size behind it."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.before, self.after = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 1)
        with torch.no_grad():
            self.before.weight *= factor
            self.after.weight /= factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.after(torch.relu(self.before(x)))


@pytest.mark.parametrize(("factor", "fits"), [(1.0, True), (1e6, False)])
def test_values_near_the_largest_number_do_not_fit(factor: float, fits: bool) -> None:
    assert fits_half_precision(hub(Scaled(factor)), photos(2)) == fits


@pytest.mark.parametrize("half", [True, False])
def test_the_file_says_so_and_runs(half: bool, tmp_path: Path) -> None:
    module, path, (image,) = Scaled(1.0).eval(), tmp_path / "net.tflite", photos(1)
    metadata = TfliteMetadata("net", half_precision=half)
    tflite.write(hub(module), path, "float16", metadata=metadata)
    assert read(path).metadata.get(KEY) == (b"fp16accfp16" if half else None)
    (made,) = LiteRtSession(path, SessionOptions()).run([image.transpose(0, 2, 3, 1).copy()])
    wanted = module(torch.from_numpy(image)).detach().numpy().transpose(0, 2, 3, 1)
    assert np.abs(made - wanted).max() <= 1e-2 * np.abs(wanted).max()
