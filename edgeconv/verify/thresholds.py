"""The bounds that files are judged by, here and on devices; docs call them "what equal means".

| what is judged                             | its bound                                       |
| ------------------------------------------ | ----------------------------------------------- |
| a float file against PyTorch               | `Thresholds.of_float`                           |
| any other file against PyTorch             | `Thresholds.of_rounded`                         |
| the two int8 files, one file on two machines | `parity.pair`, of the pair_* fields           |
| int8 operators on identical integers       | `Thresholds.operator_steps`                     |
| a part of an output                        | its file's, loosened as `PartBounds` says       |
| a bundle's tensors, by `diagnose`          | `DiagnosisBounds`                               |
| parts of a file of any tool, by `audit`    | `AuditBounds`                                   |

`export`, `parity` and `parity --device` read the same ones. It imports no more than the command
line needs to print the defaults.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from edgeconv.errors import BundleRefused, UsageError
from edgeconv.runtime.half_precision import computes_in_half_precision

if TYPE_CHECKING:
    from edgeconv.runtime.metrics import Figures

FigureName = Literal["relative_error", "sqnr_db", "median_sqnr_db", "equal"]

#: How many of its standard errors the median photo may lie below its bound.
MEDIAN_ERRORS = 2.0
#: How far below the bound of the median photo the lower quartile may lie: noise twice as loud.
QUARTILE_SLACK_DB = 6.0
#: How much larger an error is as a share of the largest probability than of the largest logit.
_SOFTMAX_GAIN = 5.0


@dataclass(frozen=True)
class Threshold:
    """The bound of one figure: an error at most `limit`, a ratio or a share at least.

    A median photo's ratio may lie so far below as chance explains, for which photos those are is
    chance; its bound binds the lower quartile too, `QUARTILE_SLACK_DB` below.
    """

    figure: FigureName
    limit: float

    def met_by(self, figures: Figures) -> bool:
        """Whether the figures lie within the bound; never where a value is not finite."""
        if not figures.finite:
            return False
        if self.figure == "relative_error":
            return figures.relative_error <= self.limit
        if self.figure == "equal":
            return figures.equal is not None and figures.equal >= self.limit
        if self.figure == "median_sqnr_db":
            chance = MEDIAN_ERRORS * figures.median_error_db
            is_low = figures.quartile_sqnr_db < self.limit - QUARTILE_SLACK_DB
            return figures.median_sqnr_db + chance >= self.limit and not is_low
        return figures.sqnr_db >= self.limit

    @property
    def of_parts(self) -> dict[str, float]:
        """The same bound as parts of an output take it, over all photos together."""
        if self.figure == "equal":  # whole numbers have no parts
            return {}
        is_error = self.figure == "relative_error"
        return {"relative_error" if is_error else "sqnr_db": self.limit}

    def __str__(self) -> str:
        if self.figure == "relative_error":
            return f"error <= {self.limit:g} of the largest logit"
        if self.figure == "equal":
            return f"the same values >= {self.limit:.4%}"
        if self.figure == "median_sqnr_db":
            least = self.limit - QUARTILE_SLACK_DB
            return f"SQNR of the median photo >= {self.limit:.1f} dB, lower quartile >= {least:.1f}"
        return f"SQNR >= {self.limit:.1f} dB"


def loosest(bounds: Sequence[Threshold]) -> Threshold:
    """Of the bounds of reals, which are of one figure, the one that allows most; else any."""
    bounds = [bound for bound in bounds if bound.figure != "equal"] or bounds
    is_error = bounds[0].figure == "relative_error"
    return max(bounds, key=lambda bound: bound.limit if is_error else -bound.limit)


@dataclass(frozen=True)
class Thresholds:
    """Every bound, with its default.

    Attributes:
        float_error: largest error of a float file, as a share of the largest reference logit.
        deep_float_error: the same for nets with more than `deep_layers` layers.
        deep_layers: where a net counts as deep.
        device_float_error: the same on a device, for any net: another processor orders float
            additions in its own way.
        float32_factor: where a float file misses its bound, how many times as far from PyTorch's
            float64 result as PyTorch's float32 result it may be; 0 never asks float64.
        float16_error: largest error of a float16 file, as a share of the largest reference logit;
            constants rounded to eleven bits make 6e-3 in MobileNetV2.
        half_precision_error: the same of a float16 TFLite file where the CPU computes it in half
            precision: products and sums are rounded as the constants are, and three nets were 2.1
            to 4.4 times as far off on a Cortex-A76 as with float32 between the constants.
        int8_sqnr_db: least SQNR of an int8 file's logits against the float reference, of the median
            photo.
        pair_factor: how many times as far from each other two int8 runs may be as the nearer is
            from float.
        pair_slack_db: how far below the floor they may lie.
        pair_ceiling_db: the floor counts as at most this: where a small net runs identically on
            both sets of kernels it is infinite and says nothing about the other run.
        operator_steps: how far an int8 operator's results may be apart, in steps of their scale:
            kernels of different runtimes round differently; more is another formula.
    """

    float_error: float = 1e-5
    deep_float_error: float = 1e-4
    deep_layers: int = 50
    device_float_error: float = 1e-4
    float32_factor: float = 4.0
    float16_error: float = 2e-2
    half_precision_error: float = 5e-2
    int8_sqnr_db: float = 10.0
    pair_factor: float = 2.0
    pair_slack_db: float = 1.0
    pair_ceiling_db: float = 40.0
    operator_steps: int = 1

    def __post_init__(self) -> None:
        """Raises UsageError where a bound is negative or no finite number."""
        for name, value in vars(self).items():
            if not 0 <= value < math.inf:
                raise UsageError(
                    f"the bound {name} is {value:g}; it must be a finite number, at least 0"
                )

    def of_probabilities(self) -> Thresholds:
        """The same for a softmax of the logits.

        One that is off by e moves a probability by up to e / 2, and the largest logit, which the
        bounds are shares of, is ten or twenty: five times as much of a largest probability of one.
        A float32 file that misses its bound is held against float64 as ever.
        """
        return replace(
            self,
            float16_error=_SOFTMAX_GAIN * self.float16_error,
            half_precision_error=_SOFTMAX_GAIN * self.half_precision_error,
        )

    def with_stated(self, *, float_error: float | None, int8_sqnr_db: float | None) -> Thresholds:
        """These bounds but for those given; a float error holds for every net and machine.

        A float error that the user names is not widened by what float32 can hold.
        """
        stated = self if int8_sqnr_db is None else replace(self, int8_sqnr_db=int8_sqnr_db)
        if float_error is None:
            return stated
        return replace(
            stated,
            float_error=float_error,
            deep_float_error=float_error,
            device_float_error=float_error,
            float32_factor=0.0,
        )

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Thresholds:
        """The bounds of a manifest's `parity.thresholds`; raises BundleRefused."""
        names = {field.name for field in fields(cls)}
        if set(document) != names or any(type(v) not in (int, float) for v in document.values()):
            raise BundleRefused(
                f"the manifest's parity.thresholds are not numbers for {', '.join(sorted(names))}; "
                "export the net again"
            )
        try:
            return cls(**document)
        except UsageError as error:
            raise BundleRefused(f"the manifest's parity.thresholds: {error}") from error

    def of_float(self, depth: int) -> Threshold:
        """The bound of a float file on this machine, of a net of `depth` layers."""
        is_deep = depth > self.deep_layers
        return Threshold("relative_error", self.deep_float_error if is_deep else self.float_error)

    def of_rounded(self, artifact: str) -> Threshold:
        """The bound of a file of a smaller precision on this machine; most are judged as int8."""
        if artifact == "float16.tflite" and computes_in_half_precision():
            return Threshold("relative_error", self.half_precision_error)
        if artifact.startswith("float16"):
            return Threshold("relative_error", self.float16_error)
        return Threshold("median_sqnr_db", self.int8_sqnr_db)


DEFAULTS = Thresholds()


@dataclass(frozen=True)
class PartBounds:
    """When a part of an output is right that misses its file's bound (`parity.output_parts`).

    Attributes:
        error: largest error, as a share of the part's largest value.
        steps: the same in steps of an int8 grid of its own.
        fewest_values, many_values: a channel that takes fewer values than the first, where the
            reference takes as many as the second or more, was rounded to a grid that is not its
            own.
        float_factor: how many times further off than the whole a part of a float file may be, for
            its share of the rounding errors of float32 is not its share of the values.
    """

    error: float = 0.25
    steps: float = 2.0
    fewest_values: int = 4
    many_values: int = 16
    float_factor: float = 100.0


PARTS = PartBounds()


@dataclass(frozen=True)
class DiagnosisBounds:
    """When `diagnose` calls a tensor broken, or its grid poor.

    Attributes:
        float_error: largest error of a float tensor, as a share of its largest value: rounding in
            float32 stays a hundred times below, a wrong weight a hundred times above.
        kernel_steps: how far an engine may be from the simulator on identical integers.
        weights_db: below this the weights of a channel are not the net's: rounding leaves 20 dB and
            more, rounding to 8 bits of a row with one dominant weight still above 10.
        weights_steps: what is left must also exceed this many steps of the grid, so that rows of
            almost nothing pass.
        same_scale: relative difference of two scales that rounding to float32 explains.
        lost_db, clipped_share, coarse_db: a grid is poor where it loses more than the first to the
            best one, and clips more than the second or leaves less than the third. A grid merely
            wider than the values of a few photos is not: calibration saw others.
        part_levels: a part to which the scale of its whole output leaves no more of the 256 levels
            is lost: a quarter of them.
    """

    float_error: float = 1e-3
    kernel_steps: int = 2
    weights_db: float = 6.0
    weights_steps: float = 2.0
    same_scale: float = 1e-5
    lost_db: float = 10.0
    clipped_share: float = 1e-3
    coarse_db: float = 10.0
    part_levels: int = 64


DIAGNOSIS = DiagnosisBounds()


@dataclass(frozen=True)
class AuditBounds:
    """When `audit` calls a part of an output lost.

    Attributes:
        part_levels: fewest values that a part may take: four bits.
        channel_levels: the same of a channel among others of one layer: three bits.
    """

    part_levels: int = 16
    channel_levels: int = 8


AUDIT = AuditBounds()
