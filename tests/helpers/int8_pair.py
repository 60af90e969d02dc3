"""Both int8 files of a module, planned by the product from random images, without a bundle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from edgeconv.export import tflite
from edgeconv.export.capture import capture
from edgeconv.export.onnx_writer import write_int8
from edgeconv.quantize.observe import observe
from edgeconv.quantize.planner import PlanConfig, build_plan
from edgeconv.runtime.adapt import Images


@dataclass(frozen=True)
class Int8Pair:
    """The two files, and images to run them on."""

    onnx: Path
    tflite: Path
    images: Images


def int8_pair(module: nn.Module, size: tuple[int, int], directory: Path) -> Int8Pair:
    """Writes `model.int8.onnx` and `model.int8.tflite` of a module that takes (1, 3, *size)."""
    hub = capture(module.eval(), torch.zeros(1, 3, *size), name="net")
    drawn = np.random.default_rng(7).standard_normal((4, 3, *size)).astype(np.float32)
    plan = build_plan(hub, observe(hub, list(drawn[:, None])), PlanConfig())
    pair = Int8Pair(directory / "model.int8.onnx", directory / "model.int8.tflite", Images(drawn))
    write_int8(hub, plan, pair.onnx, io="int8", metadata={})
    tflite.write_int8(hub, plan, pair.tflite, io="int8", metadata=None)
    return pair
