"""What a PyTorch module makes of samples, under the names of the graph captured from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir
import torch
from numpy.typing import NDArray
from torch import nn

from edgeconv.export.sources.doubt import doubts
from edgeconv.export.sources.float64 import float64_outputs
from edgeconv.export.sources.rows import rows_by_name
from edgeconv.graph.metrics import depth
from edgeconv.graph.parts import Joined
from edgeconv.graph.view import input_names
from edgeconv.nets.running import outputs_of
from edgeconv.runtime.feeds import Batch, by_name
from edgeconv.runtime.metrics import Whole
from edgeconv.verify.parity.expected import Float64
from edgeconv.verify.thresholds import Thresholds


@dataclass(frozen=True, eq=False)
class TorchRun:
    """A net's module beside its graph.

    Attributes:
        module: the net.
        model: the hub graph.
        former: how the module's own outputs were split, if they were.
        batch: samples a run.
        target: what the net is called in a message.
    """

    module: nn.Module
    model: ir.Model
    former: Sequence[Joined] | None
    batch: int
    target: str

    def outputs(self, samples: Batch) -> dict[str, NDArray[Any]]:
        """As `Reference.outputs`."""
        return self._run(self.module, samples)

    def float64(self, samples: Batch) -> Float64:
        """As `Reference.float64`."""
        return float64_outputs(self._run, self.module, samples)

    def doubts(
        self,
        samples: Batch,
        outputs: Mapping[str, NDArray[Any]],
        thresholds: Thresholds,
    ) -> dict[str, Whole]:
        """As `Reference.doubts`."""
        layers = depth(self.model)
        return doubts(self._run, self.module, samples, outputs, thresholds, layers)

    def _run(self, module: nn.Module, samples: Batch) -> dict[str, NDArray[Any]]:
        """The outputs of the net, or of a copy in another precision, in the samples' type."""
        names = input_names(self.model)

        def run(given: Batch) -> list[NDArray[Any]]:
            fed = [torch.from_numpy(array) for array in by_name(given, names).values()]
            made = outputs_of(module.eval(), fed, self.target)
            return [tensor.numpy() for tensor in made]

        return rows_by_name(run, samples, self.batch, self.model, self.former)
