"""What a PyTorch module makes of photos, under the names of the graph that was captured from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir
import torch
from numpy.typing import NDArray
from torch import nn

from edgeconv.graph.parts import Joined
from edgeconv.graph.passes.split_outputs import split_arrays
from edgeconv.graph.view import name_of
from edgeconv.nets.running import outputs_of
from edgeconv.runtime.adapt import join_runs


@dataclass(frozen=True, eq=False)
class TorchRun:
    """How a net's module is run beside its graph.

    Attributes:
        model: the hub graph.
        former: how the module's own outputs were split, if they were.
        batch: photos a run.
        target: what the net is called in a message.
    """

    model: ir.Model
    former: Sequence[Joined] | None
    batch: int
    target: str

    def __call__(self, module: nn.Module, photos: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """The module's outputs for photos, (N, ...) by name, in the photos' type.

        Args:
            module: the net, or a copy in another precision.
            photos: (N, 3, H, W), N a multiple of the batch.

        Raises:
            NetRefused: the net's own code failed.
        """
        whole = self.model.graph.outputs
        outputs = whole if self.former is None else [joined.output for joined in self.former]
        names = [name_of(value) for value in outputs]
        rows: dict[str, list[NDArray[Any]]] = {name_of(value): [] for value in whole}
        for start in range(0, len(photos), self.batch):
            given = torch.from_numpy(photos[start : start + self.batch])
            arrays = (tensor.numpy() for tensor in outputs_of(module.eval(), given, self.target))
            made = dict(zip(names, arrays, strict=True))
            split = made if self.former is None else split_arrays(self.former, made)
            for name, array in split.items():
                rows[name].append(array)
        return {name: join_runs(parts, self.batch) for name, parts in rows.items()}
