"""The parity check of an export: golden photos, what PyTorch makes of them, the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeconv.data import builtin
from edgeconv.data.preprocessing import normalize_batch
from edgeconv.errors import NetRefused
from edgeconv.export.bundle import artifacts
from edgeconv.export.bundle.golden import Golden
from edgeconv.export.float64 import float64_outputs
from edgeconv.export.torch_run import TorchRun
from edgeconv.graph.metrics import depth
from edgeconv.nets.load import LoadedNet
from edgeconv.runtime.adapt import Images, app_input
from edgeconv.verify.parity import bundle_files
from edgeconv.verify.parity.expected import Expected
from edgeconv.verify.parity.output_parts import OutputParts
from edgeconv.verify.parity.stages import ParityReport
from edgeconv.verify.thresholds import Thresholds

#: Photos in golden.npz: enough for a parity figure that does not hang on one photo.
GOLDEN_PHOTOS = 8


def judged(
    directory: Path,
    net: LoadedNet,
    run: TorchRun,
    parts: Mapping[str, OutputParts],
    thresholds: Thresholds,
) -> ParityReport:
    """Holds every model file in `directory` against PyTorch, and writes golden.npz beside them.

    Args:
        directory: the bundle's, with all of its model files.
        net: what was exported.
        run: runs its module.
        parts: how each output is told apart.
        thresholds: the bounds.

    Raises:
        NetRefused: the net's outputs are not finite, or its own code failed.
        ArtifactRefused: an engine cannot run a file.
    """
    count = -(-GOLDEN_PHOTOS // run.batch) * run.batch
    photos = list(builtin.photos(net.preprocessing, count, "golden"))
    pixels, normalized = np.stack(photos), normalize_batch(photos, net.preprocessing)
    images, reference = Images(normalized, pixels), _reference(net, run, normalized)
    float64 = cache(partial(float64_outputs, run, net.module, normalized))
    expected = Expected(images, reference, depth(run.model), net.trained, parts, float64)
    report = bundle_files.check(artifacts.present(directory), expected, thresholds)
    # As an app feeds it to the smallest TFLite file.
    told = report.interfaces.get("int8.tflite", report.interfaces.get("tflite"))
    fed = None if told is None else app_input(told.inputs[0], images)
    was_needed = float64.cache_info().currsize > 0
    exact = dict(float64().outputs) if was_needed else {}
    Golden(normalized, pixels, fed, reference, exact).save(directory)
    return report


def _reference(
    net: LoadedNet, run: TorchRun, normalized: NDArray[np.float32]
) -> dict[str, NDArray[np.float32]]:
    """What the PyTorch net makes of the golden photos, by output name."""
    reference = run(net.module, normalized)
    for name, array in reference.items():
        if not np.isfinite(array).all():
            raise NetRefused(f"the net's output {name} is not finite on ordinary photos")
    return reference
