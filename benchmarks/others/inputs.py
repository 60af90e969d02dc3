"""What every chain of other tools starts from: the same net and the same photos as edgeconv's.

Runs in the other tools' environment, with the repository on PYTHONPATH: the net's definition, its
weights and the photos' preprocessing are edgeconv's, so that only the tools differ.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from edgeconv.nets.load import LoadedNet


def load(net: str, weights: Path) -> LoadedNet:
    """The float PyTorch net in evaluation mode, with its preprocessing."""
    from edgeconv.nets.load import load_net

    return load_net(net, weights=str(weights))


def photos(net: LoadedNet, folder: Path) -> Iterator[NDArray[np.float32]]:
    """The folder's photos as the net's inputs, float32 (1, 3, height, width), one at a time."""
    from edgeconv.data.images import load_image
    from edgeconv.data.preprocessing import crop_pixels, normalize

    for path in paths(folder):
        pixels = crop_pixels(load_image(path), net.preprocessing)
        yield normalize(pixels, net.preprocessing)[None]


def paths(folder: Path) -> list[Path]:
    """The folder's photos in the order of FOLDER.csv where it is there, or else by name.

    ai-edge-quantizer's ranges are moving averages, so its figures hang on the order by points.
    """
    from edgeconv.data.folders import labelled, list_images

    if folder.with_name(f"{folder.name}.csv").is_file():
        return [photo.path for photo in labelled(folder)]
    return list_images(folder)


def arguments(description: str | None) -> argparse.Namespace:
    """Command line that every chain shares."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--net", required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--calib", type=Path, required=True, help="folder of photos")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    return options


@dataclass
class Stages:
    """Wall seconds of each named part of a chain, kept in `stages.json` beside its files."""

    started: float = field(default_factory=time.perf_counter)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times the block."""
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 3)

    def write(self, folder: Path) -> None:
        """Writes `stages.json`."""
        (folder / "stages.json").write_text(json.dumps(self.seconds, indent=1))
