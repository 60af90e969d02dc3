"""Frames around images, and images of another size."""

from __future__ import annotations

import numpy as np

from tests.export.tflite.cases.case import IMAGE, Case, ints, node, resize


def places(images: int) -> np.ndarray:
    """A grid that reaches beyond the image."""
    return np.random.default_rng(5).uniform(-1.6, 1.6, (images, 4, 3, 2)).astype(np.float32)


CASES: dict[str, Case] = {
    "Pad": node("Pad", IMAGE, ints(0, 0, 1, 2, 0, 0, 3, 0)),
    "Pad with a number": node("Pad", IMAGE, ints(0, 1, 0, 0, 0, 1, 0, 0), np.float32(-1)),
    "Pad with a number at one end": node("Pad", IMAGE, ints(0, 0, 0, 0, 0, 2, 0, 0), np.float32(1)),
    "Pad by reflection": node("Pad", IMAGE, ints(0, 0, 2, 1, 0, 0, 2, 1), mode="reflect"),
    "Pad by one edge": node("Pad", IMAGE, ints(0, 0, 1, 1, 0, 0, 1, 1), mode="edge"),
    "Pad by three edges": node("Pad", IMAGE, ints(0, 0, 1, 3, 0, 0, 3, 0), mode="edge"),
    "nearest, PyTorch": resize("nearest", "asymmetric", (10, 12), nearest_mode="floor"),
    "nearest, uneven": resize("nearest", "asymmetric", (7, 9), nearest_mode="floor"),
    "nearest, half pixel": resize(
        "nearest", "half_pixel", (10, 12), nearest_mode="round_prefer_ceil"
    ),
    "bilinear, half pixel": resize("linear", "half_pixel", (10, 12)),
    "bilinear, PyTorch": resize("linear", "pytorch_half_pixel", (7, 9)),
    "bilinear, corners aligned": resize("linear", "align_corners", (9, 11)),
    "bilinear, smaller": resize("linear", "half_pixel", (3, 4)),
    "DepthToSpace, rows first": node("DepthToSpace", (2, 12, 3, 4), blocksize=2, mode="DCR"),
    "pixel shuffle": node("DepthToSpace", (2, 12, 3, 4), blocksize=2, mode="CRD"),
    "SpaceToDepth": node("SpaceToDepth", (2, 3, 4, 6), blocksize=2),
    "GridSample at constant places": node("GridSample", (2, 3, 5, 6), places(2)),
    "GridSample of the nearest": node("GridSample", (1, 3, 5, 6), places(1), mode="nearest"),
    "GridSample by cubes": node(
        "GridSample", (1, 3, 5, 6), places(1), mode="bicubic", padding_mode="reflection"
    ),
    "GridSample at computed places": node(
        "GridSample", (2, 3, 5, 6), inputs=[(2, 4, 3, 2)], padding_mode="border", align_corners=1
    ),
    "GridSample at computed places, zeros around": node(
        "GridSample", (1, 3, 5, 6), inputs=[(1, 4, 3, 2)]
    ),
}
