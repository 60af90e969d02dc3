"""Small nets of other tasks than classification, and photos for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import edgeconv
from edgeconv.bundle.bundle import Bundle
from edgeconv.data.builtin import FOLDER
from edgeconv.data.decode import load_pixels
from edgeconv.verify.accuracy.evaluate import open_exact

SIDE = 64
#: Ten photographs that come with edgeconv.
#: Upright as they lie: labels of the turned one would be of other sides.
NAMES = sorted(
    path.name
    for path in FOLDER.iterdir()
    if path.suffix in (".png", ".jpg") and not path.stem.endswith("_turned")
)[:10]


class _Small(nn.Module):
    """A few layers, with photos scaled to 72 pixels and cut to 64."""

    preprocessing = {"input_size": (SIDE, SIDE), "resize": 72}  # noqa: RUF012

    def __init__(self, channels: int) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, channels, 3, 2, 1)
        )


class Heads(_Small):
    """A map, a row of scores, and the best class of each place."""

    def __init__(self) -> None:
        super().__init__(5)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        made = self.body(x)
        return {"map": made, "scores": made.mean((2, 3)), "best": made.argmax(1)}


class Best(_Small):
    """The best of five classes at each of 256 places: a row of places, no scores of classes."""

    def __init__(self) -> None:
        super().__init__(5)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x).argmax(1).flatten(1)


class Dense(_Small):
    """Logits of four classes, at a quarter of the photo's size."""

    def __init__(self) -> None:
        super().__init__(4)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        made = self.body(x)
        return {"row": made.mean((2, 3)), "logits": made}


class Boxes(_Small):
    """A box about each of 16 places, by centre and size in pixels, and logits of three classes."""

    def __init__(self) -> None:
        super().__init__(7)
        places = torch.arange(4) * 16.0 + 8
        rows, columns = torch.meshgrid(places, places, indexing="ij")
        centres = torch.stack([columns, rows], -1).reshape(16, 2)
        self.register_buffer("about", torch.cat([centres, torch.full((16, 2), 20.0)], 1))
        self.register_buffer("likely", 2.0 * nn.functional.one_hot(torch.arange(16) % 3, 3))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        made = nn.functional.avg_pool2d(self.body(x), 4).reshape(1, 7, 16).transpose(1, 2)
        return {
            "boxes": self.about + 8 * torch.tanh(made[..., :4]),
            "scores": 4 * made[..., 4:] + self.likely,
        }


def bundle_of(name: str, place: Path) -> Path:
    """A bundle of one of the nets above, float and int8."""
    options = edgeconv.ExportOptions(int8=True, weights="random", calib_samples=8)
    source = f"{Path(__file__)}:{name}"
    return edgeconv.export_bundle(source, options, out=place / name.lower()).directory


def link_photos(folder: Path) -> Path:
    """A folder with the ten photographs."""
    for name in NAMES:
        (folder / name).symlink_to(FOLDER / name)
    return folder


def outputs_of(bundle: Path, artifact: str, photos: Path) -> dict[str, np.ndarray]:
    """What an ONNX file of a bundle gives for the photos, (photos, ...), by the engine alone.

    On kernels that compute what the file says, also where this CPU's default ones saturate.
    """
    held = Bundle.load(bundle)
    session, _ = open_exact(held.artifacts[artifact], threads=1)
    pre = held.preprocessing
    rows = []
    for name in NAMES:
        pixels = load_pixels(photos / name, pre).astype(np.float32) / 255
        x = ((pixels - np.float32(pre.mean)) / np.float32(pre.std)).transpose(2, 0, 1)[None]
        rows.append(session.run([x.astype(np.float32)]))
    names = [spec.name for spec in session.outputs]
    return {n: np.concatenate([row[i] for row in rows]) for i, n in enumerate(names)}
