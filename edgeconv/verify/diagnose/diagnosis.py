"""What a diagnosis says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from edgeconv.runtime.metrics import rounded

Kind = Literal["constants", "parameters", "kernel", "float", "output"]


@dataclass(frozen=True)
class Finding:
    """A tensor that is broken: its file computes something else than the net, or than the plan.

    Attributes:
        tensor: the hub's name of it.
        artifact: the file that holds it wrongly.
        kind: "constants" (weights or biases are not the net's), "parameters" (a scale or zero point
            contradicts the rest), "kernel" (the engine computes something else), "float" (a float
            file differs), "output" (the files' outputs are not the reference's, and no tensor
            explains it; or one scale for all of an output loses a part of it).
        message: what is wrong and by how much.
        remedy: what to do.
        layer: the operator that writes the tensor; the tensor bears the name of the activation
            where the operator absorbs one.
    """

    tensor: str
    artifact: str
    kind: Kind
    message: str
    remedy: str = ""
    layer: str = ""

    @property
    def place(self) -> str:
        """The tensor, and its layer where that is called otherwise."""
        return self.tensor if self.layer in ("", self.tensor) else f"{self.tensor} ({self.layer})"


@dataclass(frozen=True)
class PoorGrid:
    """A tensor whose grid loses much of these photos' values: as planned, so nothing is broken.

    Attributes:
        tensor: the hub's name of it.
        artifact: the file.
        message: what the grid holds, and what it loses.
    """

    tensor: str
    artifact: str
    message: str


@dataclass(frozen=True)
class OwnError:
    """What one operator of an int8 file adds, fed with exact values on its own input grids.

    Attributes:
        sqnr_db: of its output against the float net of the file's own weights.
        grid_sqnr_db: of the output's grid alone: float values rounded to it.
        ideal_sqnr_db: of the best grid of 8 bits for those values.
        clipped_share: share of the values beyond the grid's ends.
        mean_share: share of the error's energy that is a constant shift of whole channels.
        grid_low, grid_high: the reals the grid spans.
    """

    sqnr_db: float
    grid_sqnr_db: float
    ideal_sqnr_db: float
    clipped_share: float
    mean_share: float
    grid_low: float
    grid_high: float

    def to_json(self) -> dict[str, Any]:
        """The fields by name, four significant digits; None where not finite."""
        return {name: rounded(value) for name, value in vars(self).items()}


@dataclass(frozen=True)
class Distribution:
    """Values of a tensor over the golden photos.

    Attributes:
        low, high: extremes.
        central: 99.9 % of the values have at most this magnitude.
        edges, counts: a histogram, `edges` one longer; exact zeros aside.
        zeros_share: share of exact zeros.
        channel_peaks: largest magnitude of each channel.
    """

    low: float
    high: float
    central: float
    edges: tuple[float, ...]
    counts: tuple[float, ...]
    zeros_share: float
    channel_peaks: tuple[float, ...]

    @property
    def outlier_ratio(self) -> float:
        """Largest magnitude over the 99.9th percentile of magnitudes; 1 where there is no tail."""
        return max(abs(self.low), abs(self.high)) / self.central if self.central else 1.0

    @property
    def channel_spread(self) -> float:
        """The largest channel's peak over the median channel's; 1 where all are alike."""
        peaks = sorted(peak for peak in self.channel_peaks if peak > 0)
        return peaks[-1] / peaks[len(peaks) // 2] if peaks else 1.0

    def to_json(self) -> dict[str, Any]:
        """The figures; histogram and channels as lists of four significant digits."""
        single = ("low", "high", "central", "zeros_share", "outlier_ratio", "channel_spread")
        edges, counts, peaks = (
            list(map(rounded, figures)) for figures in (self.edges, self.counts, self.channel_peaks)
        )
        return {
            **{name: rounded(getattr(self, name)) for name in single},
            "histogram": {"edges": edges, "counts": counts},
            "channel_peaks": peaks,
        }


@dataclass(frozen=True)
class Repair:
    """What a repair would do to a tensor's own error.

    Attributes:
        name: what would be done.
        gain_db: by how much the noise of the tensor would fall; negative where it would rise.
        note: what the figure is of.
    """

    name: str
    gain_db: float
    note: str

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return {**vars(self), "gain_db": rounded(self.gain_db)}


@dataclass(frozen=True)
class TensorDiagnosis:
    """Everything known of one tensor.

    Attributes:
        name: the hub's name.
        op_type: the operator that writes it.
        total_db: SQNR against the float net by stage, after all that came before; "tflite" is the
            float file, "weights" the net with the int8 file's weights and float activations.
            Channels may be scaled and shifted: equalization does that and undoes it later.
        own: by int8 file, what this operator adds.
        distribution: of its values; None where no int8 file was measured.
        repairs: what would lower its own error, the best first.
    """

    name: str
    op_type: str
    total_db: Mapping[str, float]
    own: Mapping[str, OwnError] = field(default_factory=dict)
    distribution: Distribution | None = None
    repairs: tuple[Repair, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        totals = {stage: rounded(value) for stage, value in self.total_db.items()}
        return {**vars(self), "total_db": totals}


@dataclass(frozen=True)
class Diagnosis:
    """A whole net, tensor by tensor, in the order they are computed.

    Attributes:
        photos: how many golden photos were run.
        truth: the float file that stands for the net.
        tensors: every tensor that a device holds.
        findings: what is broken, the first tensor first.
        poor_grids: what is not, but costs much, in the same order.
        notes: what could not be judged, and why.
    """

    photos: int
    truth: str
    tensors: tuple[TensorDiagnosis, ...]
    findings: tuple[Finding, ...]
    poor_grids: tuple[PoorGrid, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing is broken."""
        return not self.findings

    @property
    def first_bad(self) -> Finding | None:
        """The first tensor that is wrong."""
        return self.findings[0] if self.findings else None

    @property
    def weakest(self) -> TensorDiagnosis | None:
        """The tensor whose own int8 error is largest in proportion."""
        judged = [t for t in self.tensors if t.own]
        return min(judged, key=lambda t: min(o.sqnr_db for o in t.own.values()), default=None)

    @property
    def shown(self) -> TensorDiagnosis | None:
        """The tensor worth a look: the first broken one, else the weakest."""
        if self.first_bad is not None:
            named = [t for t in self.tensors if t.name == self.first_bad.tensor]
            return named[0] if named else None
        return self.weakest

    def to_json(self) -> dict[str, Any]:
        """The fields by name, and what follows from them."""
        weakest = self.weakest if self.passed else None
        return {
            **vars(self),
            "status": "passed" if self.passed else "broken",
            "first_bad": self.first_bad,
            "weakest": None if weakest is None else weakest.name,
        }
