"""The four files of a module, planned and checked by the product, without a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnx_ir as ir
import torch
from numpy.typing import NDArray
from torch import nn

from edgeconv.export import tflite
from edgeconv.export.capture.hub import capture
from edgeconv.export.onnx.write import write
from edgeconv.export.sources.torch_run import TorchRun
from edgeconv.graph.metrics import depth
from edgeconv.quantize.observe.observations import observe
from edgeconv.quantize.plan.planner import PlanConfig, build_plan
from edgeconv.runtime.adapt import Images
from edgeconv.verify.parity import bundle_files
from edgeconv.verify.parity.expected import Expected
from edgeconv.verify.parity.hub_parts import parts_of_outputs
from edgeconv.verify.parity.output_parts import OutputParts
from edgeconv.verify.parity.stages import ParityReport
from edgeconv.verify.thresholds import DEFAULTS

PHOTOS = 8


@dataclass(frozen=True, eq=False)
class SmallExport:
    """A module's files.

    Attributes:
        module: what they are of.
        files: "onnx", "tflite", "int8.onnx", "int8.tflite" to the path.
        images: what the plan was calibrated on and the files are checked on.
        references: the module's outputs for them by name.
        hub: the graph.
        parts: how each output is told apart.
    """

    module: nn.Module
    files: Mapping[str, Path]
    images: Images
    references: Mapping[str, NDArray[np.float32]]
    hub: ir.Model
    parts: Mapping[str, OutputParts]

    @property
    def onnx(self) -> Path:
        return self.files["int8.onnx"]

    @property
    def tflite(self) -> Path:
        return self.files["int8.tflite"]

    def check(self) -> ParityReport:
        """Everything that is checked of a bundle's files."""
        run = TorchRun(self.module, self.hub, None, 1, "net")
        exact = partial(run.float64, self.images.normalized)
        whole = run.doubts(self.images.normalized, self.references, DEFAULTS)
        facts = {
            "depth": depth(self.hub),
            "float64": exact,
            "parts": self.parts,
            "whole": whole,
        }
        return bundle_files.check(self.files, Expected(self.images, self.references, **facts))


def small_export(module: nn.Module, size: tuple[int, int], directory: Path) -> SmallExport:
    """Writes the files of a module that takes (1, 3, *size)."""
    hub = capture(module.eval(), torch.zeros(1, 3, *size), name="net")
    images = _images(size)
    seen = observe(hub, list(images[:, None]))
    plan = build_plan(hub, seen, PlanConfig())
    names = "onnx", "tflite", "int8.onnx", "int8.tflite"
    files = {name: directory / f"model.{name}" for name in names}
    write(hub, files["onnx"])
    tflite.write(hub, files["tflite"])
    write(hub, files["int8.onnx"], "int8", plan)
    tflite.write(hub, files["int8.tflite"], "int8", plan)
    references = TorchRun(module, hub, None, 1, "net").outputs(images)
    parts = parts_of_outputs(hub, seen.tensors)
    return SmallExport(module, files, Images(images), references, hub, parts)


def _images(size: tuple[int, int]) -> NDArray[np.float32]:
    """Noise made as smooth as photos are, float32 (PHOTOS, 3, *size)."""
    drawn = torch.randn(PHOTOS, 3, *size, generator=torch.Generator().manual_seed(7))
    return 2 * torch.nn.functional.avg_pool2d(drawn, 3, 1, 1).numpy()
