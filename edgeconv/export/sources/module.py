"""A module of PyTorch's as what is exported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir
import torch

from edgeconv.data import builtin
from edgeconv.data.preprocessing import Preprocessing, normalize_batch
from edgeconv.errors import NetRefused, UsageError
from edgeconv.export.capture.hub import capture
from edgeconv.export.options import ExportOptions
from edgeconv.export.progress import ExportProgress
from edgeconv.export.sources.torch_run import TorchRun
from edgeconv.graph.parts import Joined
from edgeconv.nets.calibrate_bn import set_batchnorm_statistics
from edgeconv.nets.facts import count_parameters
from edgeconv.nets.features import OUTPUT_NAME, feature_extractor
from edgeconv.nets.handed_over import HandedOver
from edgeconv.nets.load import LoadedNet, load_net
from edgeconv.nets.weights import WeightsInfo

#: Built-in photos that set the BatchNorm statistics of an untrained net.
_STATISTICS_PHOTOS = 16


@dataclass(frozen=True, eq=False)
class ModuleSource:
    """A net of the zoo, or one of the user's.

    Attributes:
        net: the module with its values.
        preprocessing: the net's, or as the user stated it.
        labels: likewise.
    """

    net: LoadedNet
    preprocessing: Preprocessing
    labels: tuple[str, ...] | None

    @property
    def name(self) -> str:
        """As `Source.name`."""
        return self.net.name

    @property
    def net_options(self) -> Mapping[str, Any]:
        """As `Source.net_options`."""
        return self.net.net_options

    @property
    def trained(self) -> bool:
        """As `Source.trained`."""
        return self.net.trained

    @property
    def weights(self) -> WeightsInfo:
        """As `Source.weights`."""
        return self.net.weights

    @property
    def parameters(self) -> int:
        """As `Source.parameters`."""
        return count_parameters(self.net.module)

    def captured(self, options: ExportOptions) -> ir.Model:
        """As `Source.captured`; cut off behind a layer where only its features are asked for."""
        height, width = self.preprocessing.input_size
        example = torch.zeros(options.batch, 3, height, width)
        if options.features is None:
            return capture(self.net.module, example, name=self.name)
        cut = feature_extractor(self.net.module, options.features)
        return capture(cut, example, name=self.name, output=OUTPUT_NAME)

    def reference(self, model: ir.Model, former: Sequence[Joined] | None, batch: int) -> TorchRun:
        """As `Source.reference`."""
        return TorchRun(self.net.module, model, former, batch, self.name)


def load_module(
    target: str | HandedOver, options: ExportOptions, progress: ExportProgress
) -> ModuleSource:
    """Builds a net with its values; an untrained one gets BatchNorm statistics from photos.

    Raises:
        As `load_net`.
    """
    net = load_net(
        target,
        weights=options.weights,
        net_options=options.net_options,
        classes=options.classes,
        input_size=options.input_size,
        seed=options.seed,
        progress=progress,
    )
    preprocessing = options.stated.applied(net.preprocessing)
    if not net.trained:
        progress.step("set the BatchNorm statistics from built-in photos")
        _set_statistics(net, preprocessing, options.batch)
    return ModuleSource(net, preprocessing, options.stated.labels or net.labels)


def _set_statistics(net: LoadedNet, preprocessing: Preprocessing, batch: int) -> None:
    """From all photos at once; where the net is made for one size of batch, from such ones."""
    photos = list(builtin.photos(preprocessing, _STATISTICS_PHOTOS, "calibration"))
    normalized = torch.from_numpy(normalize_batch(photos, preprocessing))
    try:
        set_batchnorm_statistics(net.module, [normalized], net.name)
    except NetRefused as refused:
        starts = range(0, len(photos) - batch + 1, batch)
        try:
            batches = [normalized[start : start + batch] for start in starts]
            set_batchnorm_statistics(net.module, batches, net.name)
        except UsageError:
            raise refused from None
