"""What an export asks of whatever it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.data.inputs import Intake
from edgeconv.export.options import ExportOptions
from edgeconv.export.progress import ExportProgress
from edgeconv.graph.parts import Joined
from edgeconv.nets.weights import WeightsInfo
from edgeconv.runtime.feeds import Batch
from edgeconv.runtime.metrics import Whole
from edgeconv.verify.parity.expected import Float64
from edgeconv.verify.thresholds import Thresholds


class Reference(Protocol):
    """The float net that files are held against, by the names of the graph's outputs.

    Attributes:
        model: the hub graph.
        batch: samples in one run.
    """

    @property
    def model(self) -> ir.Model: ...  # noqa: D102

    @property
    def batch(self) -> int: ...  # noqa: D102

    def outputs(self, samples: Batch) -> dict[str, NDArray[Any]]:
        """What the net makes of samples, (N, ...) by name.

        Args:
            samples: float32 (N, ...), photos normalized; N a multiple of the batch.

        Raises:
            NetRefused: the net's own code failed.
        """
        ...

    def float64(self, samples: Batch, /) -> Float64:
        """The same in double precision, or why there is no such result."""
        ...

    def doubts(
        self,
        samples: Batch,
        outputs: Mapping[str, NDArray[Any]],
        thresholds: Thresholds,
        /,
    ) -> dict[str, Whole]:
        """How sure its whole numbers and truth values are, by the output's name.

        Args:
            samples: as above.
            outputs: what the net makes of them.
            thresholds: how far files may be off.
        """
        ...


class Source(Protocol):
    """A net that can be exported.

    Attributes:
        name: what its bundle is called.
        net_options: every option of its definition at its value.
        intake: its inputs, and what a photo must have gone through.
        labels: class names in the order of the logits, or None where they are not known.
        trained: False where the values are random and the output means nothing.
        weights: where the values come from.
        parameters: how many numbers it learned.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def net_options(self) -> Mapping[str, Any]: ...  # noqa: D102

    @property
    def intake(self) -> Intake: ...  # noqa: D102

    @property
    def labels(self) -> tuple[str, ...] | None: ...  # noqa: D102

    @property
    def trained(self) -> bool: ...  # noqa: D102

    @property
    def weights(self) -> WeightsInfo: ...  # noqa: D102

    @property
    def parameters(self) -> int: ...  # noqa: D102

    def captured(self, options: ExportOptions, progress: ExportProgress, /) -> ir.Model:
        """The hub graph, for batches of the options' size; told where that took another way.

        Raises:
            NetRefused: it is no static graph of ONNX operators.
        """
        ...

    def reference(self, model: ir.Model, former: Sequence[Joined] | None, batch: int) -> Reference:
        """The float net beside its graph.

        Args:
            model: the hub graph, its outputs split or not.
            former: how the net's own outputs were split, if they were.
            batch: photos in one run.
        """
        ...
