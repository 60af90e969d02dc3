"""Agreement with float, for any net and without labels: by output, and by part of an output.

| what an output holds             | figures                                                    |
| -------------------------------- | ---------------------------------------------------------- |
| reals                            | SQNR: the reference's energy over the difference's, in dB  |
| a row of reals, as of classes    | the same, and the share of photos with the same largest    |
| whole numbers, truth values      | the share of equal values                                  |

A photo for which a file gives NaN or infinity has an SQNR of minus infinity, and so has the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgeconv.runtime.metrics import is_whole
from edgeconv.runtime.session import TensorSpec
from edgeconv.verify.accuracy.proportions import share
from edgeconv.verify.parity.output_parts import OutputPart, OutputParts
from edgeconv.verify.tasks.drops import Loss, loss_of_sums, worst_of
from edgeconv.verify.tasks.figures import Estimate, Figure
from edgeconv.verify.tasks.resampling import Statistic, Sums, figure, ratio
from edgeconv.verify.tasks.run import Outputs, require_finite

Kind = Literal["SQNR", "top-1 as in float", "values as in float"]


@dataclass(frozen=True)
class _Compared:
    """What is compared, and of what: an output by its place, the whole or a part of it."""

    kind: Kind
    output: int
    name: str
    part: OutputPart | None = None

    def sums(self, outputs: Outputs, expected: Outputs) -> tuple[float, float]:
        """The ratio's two sides for one photo: energies, or how many are equal of how many."""
        own, theirs = (
            one[self.output] if self.part is None else self.part.of(one[self.output][None])[0]
            for one in (outputs, expected)
        )
        if self.kind == "SQNR":
            return _energies(own, theirs)
        if self.kind == "values as in float":
            return float((own == theirs).sum()), float(theirs.size)
        return float(bool(np.isfinite(own).all()) and own.argmax() == theirs.argmax()), 1.0

    def figure(self, sums: Sums) -> Figure:
        """Over all photos, (photos, 2)."""
        if self.kind == "SQNR":
            return figure(self.kind, "dB", _decibels, sums, None, self.name)
        if self.kind == "values as in float":
            return figure(self.kind, "share", _equal, sums, None, self.name)
        same = share(int(sums[:, 0].sum()), len(sums))
        return Figure(self.kind, "share", Estimate.of_share(same), of=self.name)


class Agreement:
    """The task of giving what the float reference gives."""

    def __init__(self, outputs: Sequence[TensorSpec], parts: Mapping[str, OutputParts]) -> None:
        """`parts` are those of the outputs, by name."""
        self._outputs = outputs
        self._parts = parts
        self._compared: list[_Compared] = []

    def expect(self, photo: int, outputs: Outputs) -> Outputs:
        """The reference's outputs; raises RefusedError where they are not finite."""
        if not self._compared:
            self._compared = list(self._told_apart(outputs))
        require_finite(self._outputs, outputs, photo)
        return outputs

    def keep(self, outputs: Outputs, expected: Outputs) -> Sums:
        """(compared, 2): see `_Compared.sums`."""
        return np.array([one.sums(outputs, expected) for one in self._compared], np.float64)

    def figures(self, kept: Sequence[Sums], reference: Sequence[Sums] | None) -> list[Figure]:
        """None of the reference itself, which agrees with itself."""
        if reference is None:
            return []
        sums = np.stack(kept)
        return [one.figure(sums[:, i]) for i, one in enumerate(self._compared)]

    def loss(self, kept: Sequence[Sums], _: Sequence[Sums]) -> Loss:
        """How far outputs are from float, in per cent, of the output where it is most."""
        sums = np.stack(kept)
        compared = [(i, one) for i, one in enumerate(self._compared) if one.kind in _FAR]
        nothing = np.zeros((len(sums), 2))
        return worst_of(
            [
                loss_of_sums(
                    of="difference from float",
                    unit="percent",
                    worse=_FAR[one.kind],
                    sums=sums[:, i],
                    exact=nothing,
                )
                for i, one in compared
            ]
        )

    def _told_apart(self, expected: Outputs) -> Iterator[_Compared]:
        for place, (spec, array) in enumerate(zip(self._outputs, expected, strict=True)):
            if is_whole(array):
                yield _Compared("values as in float", place, spec.name)
                continue
            yield _Compared("SQNR", place, spec.name)
            if array.ndim == 1 and array.size > 1:
                yield _Compared("top-1 as in float", place, spec.name)
            for part in self._parts.get(spec.name, OutputParts()).parts:
                yield _Compared("SQNR", place, f"{spec.name}, part {part.name}", part)


def _energies(own: NDArray[Any], theirs: NDArray[Any]) -> tuple[float, float]:
    exact = theirs.astype(np.float64)
    noise = float(np.square(own - exact).sum()) if np.isfinite(own).all() else np.inf
    return float(np.square(exact).sum()), noise


def _decibels(sums: Sums) -> NDArray[np.float64]:
    signal, noise = sums[:, 0], sums[:, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = 10 * np.log10(signal / noise)
    return np.where(noise == 0, np.inf, ratio)


def _equal(sums: Sums) -> NDArray[np.float64]:
    return ratio(sums[:, 0], sums[:, 1])


def _relative(sums: Sums) -> NDArray[np.float64]:
    """The difference's root mean square in per cent of float's; 0 where there is neither."""
    signal, noise = sums[:, 0], sums[:, 1]
    far = np.divide(noise, signal, out=np.where(noise > 0, np.inf, 0.0), where=signal > 0)
    return np.asarray(100 * np.sqrt(far))


def _changed(sums: Sums) -> NDArray[np.float64]:
    """Per cent of values that are others."""
    same = np.divide(sums[:, 0], sums[:, 1], out=np.ones(len(sums)), where=sums[:, 1] > 0)
    return np.asarray(100 * (1 - same))


#: How far an output is from float, by what is compared of it.
_FAR: dict[Kind, Statistic] = {"SQNR": _relative, "values as in float": _changed}
