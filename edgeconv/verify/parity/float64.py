"""Float files of nets whose float32 result itself is far from the exact one.

Where sums cancel or a denominator is small, float32 holds fewer digits than the bound asks for:
PyTorch's own result is then as far from its float64 result as a right file is, each in its own
direction. Only where a file misses the bound is it held against PyTorch in float64, and may be a
few times as far from that as PyTorch's float32 is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from edgeconv.files.read import is_readable
from edgeconv.runtime.metrics import Figures, compare
from edgeconv.runtime.open import engine_of
from edgeconv.runtime.session import EngineName, Kernels
from edgeconv.verify.parity.expected import Expected, Float64, Outputs, Run
from edgeconv.verify.parity.plain_sums import adds_in_order, longest_sum, lost
from edgeconv.verify.parity.unit_outputs import allowed_errors
from edgeconv.verify.parity.whole_numbers import of_float
from edgeconv.verify.thresholds import Threshold

#: How many times as far as other kernels those may be that add a product's terms one after the
#: other: roundings err at random, so their sum grows by the root of the 16 lanes that others add in
#: side by side. Measured on 524 nets and idioms: 3.0 times at most, 1.0 as the median.
_IN_ORDER = 4.0

_UNREAD = "what its operators may lose in float32 is not known: onnx-ir is not installed"


@dataclass(frozen=True)
class FloatVerdicts:
    """A float file, output by output.

    Attributes:
        figures: against PyTorch's float32, or its float64 where that decides.
        thresholds: the bound of each.
        note: which were held against float64, and why.
    """

    figures: tuple[Figures, ...]
    thresholds: tuple[Threshold, ...]
    note: str = ""


@dataclass(frozen=True, eq=False)
class FloatJudge:
    """How float files are judged.

    Attributes:
        expected: PyTorch's float32 outputs, and its float64 ones.
        bound: the error allowed against the former.
        factor: how many times as far from float64 as PyTorch's float32 a file may be; 0 where
            nothing but the limit counts.
        files: the float files, whose longest sum counts (see `plain_sums`); written from one graph,
            so that one that can be read here tells of the other.
    """

    expected: Expected
    bound: Threshold
    factor: float
    files: tuple[Path, ...] = ()

    def judge(self, run: Run, outputs: Outputs, figures: tuple[Figures, ...]) -> FloatVerdicts:
        """The verdicts of a run; `figures` are against the references, of as many photos."""
        bounds = (self.bound,) * len(figures)
        as_usual = FloatVerdicts(*of_float(self.expected, outputs, figures, bounds))
        if self.factor <= 0 or _is_met(as_usual):
            return as_usual
        if self.files and not self._readable:
            told = self._by_float64(run, outputs, as_usual)
            return replace(told, note="; ".join(filter(None, (told.note, _UNREAD))))
        as_usual = self._by_units(as_usual)
        if _is_met(as_usual):
            return as_usual
        return self._by_sums(run, as_usual) or self._by_float64(run, outputs, as_usual)

    def _by_units(self, as_usual: FloatVerdicts) -> FloatVerdicts:
        """With the bounds of what sigmoids and the like give, whose errors are parts of one."""
        bounds = list(as_usual.thresholds)
        for index, name in enumerate(self.expected.outputs):
            if as_usual.figures[index].equal is None:
                limit = max(bounds[index].limit, self._units.get(name, 0.0))
                bounds[index] = replace(bounds[index], limit=limit)
        return replace(as_usual, thresholds=tuple(bounds))

    @cached_property
    def _units(self) -> dict[str, float]:
        """What `allowed_errors` finds in the files, each of which is read once."""
        return allowed_errors(self._readable, self.expected.outputs)

    @cached_property
    def _readable(self) -> tuple[Path, ...]:
        return tuple(filter(is_readable, self.files))

    def _by_sums(self, run: Run, as_usual: FloatVerdicts) -> FloatVerdicts | None:
        """Where what is lost in a long sum explains the error."""
        kernels, engine = _ran(run)
        own = [file for file in self._readable if engine_of(file) == engine]
        values = longest_sum(own or self._readable)
        bound = Threshold("relative_error", lost(values, kernels, engine))
        pairs = list(zip(as_usual.figures, as_usual.thresholds, strict=True))
        if not all(bound.met_by(found) for found, _ in pairs if found.equal is None):
            return None
        bounds = tuple(bound if f.equal is None else usual for f, usual in pairs)
        note = f"a mean adds up {values} values in float32, which allows this error"
        return FloatVerdicts(as_usual.figures, bounds, note)

    def _by_float64(self, run: Run, outputs: Outputs, as_usual: FloatVerdicts) -> FloatVerdicts:
        """Output by output, against PyTorch in float64 where float32 is missed."""
        figures = as_usual.figures
        exact = self.expected.float64()
        if not exact.outputs:
            return FloatVerdicts(figures, as_usual.thresholds, exact.why_not)
        judged, bounds, told = list(figures), list(as_usual.thresholds), []
        factor = self.factor * (_IN_ORDER if adds_in_order(*_ran(run)) else 1.0)
        for index, name in enumerate(self.expected.outputs):
            if bounds[index].met_by(figures[index]) or figures[index].equal is not None:
                continue
            own = self.float32_error(name, exact)
            array = exact.outputs[name]
            judged[index] = compare(array[: len(outputs[index])], outputs[index])
            limit = max(bounds[index].limit, factor * own)
            bounds[index] = Threshold("relative_error", limit)
            told.append(
                f"{name} is held against PyTorch in float64, from which its float32 is {own:.1e} "
                f"itself: {factor:g} times that is allowed"
            )
        return FloatVerdicts(tuple(judged), tuple(bounds), "; ".join(told))

    def apart(self) -> tuple[float, ...]:
        """How far two right float files may be apart, for each output.

        Twice what each may be from float64, where that was needed: it is not asked for.
        """
        exact = self.expected.float64()
        return tuple(
            max(
                self.bound.limit,
                2 * self._units.get(name, 0.0),
                2 * self.factor * self.float32_error(name, exact) if exact.outputs else 0.0,
            )
            for name in self.expected.outputs
        )

    def float32_error(self, name: str, exact: Float64) -> float:
        """How far PyTorch's float32 output is from its float64 one."""
        return compare(exact.outputs[name], self.expected.outputs[name]).relative_error


def _ran(run: Run) -> tuple[Kernels, EngineName]:
    artifact, kernels = run
    return kernels, "litert" if artifact.endswith("tflite") else "onnxruntime"


def _is_met(verdicts: FloatVerdicts) -> bool:
    """Whether every output of reals holds its bound, or no bound can tell."""
    pairs = zip(verdicts.thresholds, verdicts.figures, strict=True)
    return all(b.met_by(f) or not f.finite for b, f in pairs if f.equal is None)
