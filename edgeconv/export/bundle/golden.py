"""golden.npz: inputs as an app feeds them, and what the float reference makes of them."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import BundleRefused

FILE_NAME = "golden.npz"
_LARGEST_GOLDEN_BYTES = 2 * 2**30
_OUTPUT_PREFIX = "reference_"
_FLOAT64_PREFIX = "float64_"


@dataclass(frozen=True, eq=False)
class Golden:
    """Test vectors of a bundle.

    Attributes:
        normalized: float32 (N, 3, H, W), what the float net sees.
        pixels: uint8 (N, H, W, 3), the crops it was made from.
        app_input: (N, H, W, 3) exactly as an app feeds the TFLite file of the highest compression
            in the bundle: int8, uint8 or float32. None where the bundle holds no TFLite file.
        reference: float32 (N, ...) for every output of the net, by its name.
        float64: float64 (N, ...) for every output, where a float file missed its bound and what
            float32 can hold had to be known; empty otherwise.
    """

    normalized: NDArray[np.float32]
    pixels: NDArray[np.uint8]
    app_input: NDArray[Any] | None
    reference: dict[str, NDArray[np.float32]]
    float64: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def save(self, directory: Path) -> None:
        """Writes golden.npz; its bytes depend on the arrays alone."""
        arrays: dict[str, NDArray[Any]] = {
            f"{_OUTPUT_PREFIX}{name}": array for name, array in self.reference.items()
        }
        arrays |= {f"{_FLOAT64_PREFIX}{name}": array for name, array in self.float64.items()}
        if self.app_input is not None:
            arrays["input_app_nhwc"] = self.app_input
        np.savez_compressed(
            directory / FILE_NAME,
            allow_pickle=False,
            input_float32_nchw=self.normalized,
            input_pixels_nhwc=self.pixels,
            **arrays,
        )


def load(directory: Path) -> Golden:
    """Reads golden.npz.

    Raises:
        BundleRefused: the file is missing, too large, or does not hold what it should.
    """
    path = directory / FILE_NAME
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > _LARGEST_GOLDEN_BYTES:
            raise BundleRefused(f"{path} unpacks to {size} bytes, over {_LARGEST_GOLDEN_BYTES}")
        with np.load(path, allow_pickle=False) as arrays:
            return Golden(
                normalized=arrays["input_float32_nchw"],
                pixels=arrays["input_pixels_nhwc"],
                app_input=arrays.get("input_app_nhwc"),
                reference=_named(arrays, _OUTPUT_PREFIX),
                float64=_named(arrays, _FLOAT64_PREFIX),
            )
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise BundleRefused(f"{path} cannot be read: {error}") from error


def _named(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """The arrays of one prefix by the names of the net's outputs."""
    return {name.removeprefix(prefix): arrays[name] for name in arrays if name.startswith(prefix)}
