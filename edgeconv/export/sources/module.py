"""A module of PyTorch's as what is exported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import onnx_ir as ir
import torch

from edgeconv.data import builtin
from edgeconv.data.inputs import Intake
from edgeconv.data.samples import stacked, stream
from edgeconv.data.stated import Stated, of_stated
from edgeconv.errors import NetRefused, UsageError
from edgeconv.export.calibration import OwnSamples, fair_order, fitting, own_samples
from edgeconv.export.capture.hub import DEFAULT_OUTPUT, capture
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
from edgeconv.runtime.feeds import arrays_of

#: Samples that set the BatchNorm statistics of an untrained net.
_STATISTICS_SAMPLES = 16


@dataclass(frozen=True, eq=False)
class ModuleSource:
    """A net of the zoo, or one of the user's.

    Attributes:
        net: the module with its values.
        intake: the net's, or as the user stated it.
        labels: likewise.
    """

    net: LoadedNet
    intake: Intake
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

    def captured(self, options: ExportOptions, progress: ExportProgress) -> ir.Model:
        """As `Source.captured`; cut off behind a layer where only its features are asked for."""
        inputs = self.intake.inputs
        example = [torch.zeros(options.batch, *spec.shape) for spec in inputs]
        names = [spec.name for spec in inputs]
        module, output = self.net.module, DEFAULT_OUTPUT
        if options.features is not None:
            module, output = feature_extractor(module, options.features), OUTPUT_NAME
        told = {"name": self.name, "output": output}
        return capture(module, example, inputs=names, progress=progress, **told)

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
    own = own_samples(options.calib)
    intake = _intake(net, options.stated, own)
    if own is not None or intake.preprocessing is None:
        own = fitting(own, intake, str(target))
    if not net.trained:
        _set_statistics(net, intake, own, options.batch, progress)
    return ModuleSource(net, intake, options.stated.labels or net.labels)


def _intake(net: LoadedNet, stated: Stated, own: OwnSamples | None) -> Intake:
    """What the net takes: as the user states it, as it says itself, or as most nets do.

    A net that says nothing takes photos as most do, but for tensors of the user's.
    """
    inputs, known = net.intake.inputs, net.intake.preprocessing
    if net.is_assumed and own is not None and own.are_tensors and not stated.is_of_photos:
        return Intake(inputs)
    if known is not None:
        return replace(net.intake, preprocessing=stated.applied(known))
    if not stated.is_of_photos:
        return net.intake
    return of_stated(inputs, stated, net.name)


def _set_statistics(
    net: LoadedNet, intake: Intake, own: OwnSamples | None, batch: int, progress: ExportProgress
) -> None:
    """From all samples at once; where the net is made for one size of batch, from such ones."""
    if intake.preprocessing is None and own is not None:
        progress.step("set the BatchNorm statistics from your samples")
        samples = list(stream(fair_order(own.others, _STATISTICS_SAMPLES), intake))
    else:
        progress.step("set the BatchNorm statistics from built-in photos")
        how = intake.of_photo(net.name)
        samples = list(builtin.photos(how, _STATISTICS_SAMPLES, "calibration"))
    given = [torch.from_numpy(array) for array in arrays_of(stacked(samples, intake).reals)]
    try:
        set_batchnorm_statistics(net.module, [given], net.name)
    except NetRefused as refused:
        starts = range(0, len(samples) - batch + 1, batch)
        try:
            batches = [[array[at : at + batch] for array in given] for at in starts]
            set_batchnorm_statistics(net.module, batches, net.name)
        except UsageError:
            raise refused from None
