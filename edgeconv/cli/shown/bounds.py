"""Whether photos showed the bound of eval: in words, as JUnit XML, as an exit code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeconv.errors import ThresholdMissed
from edgeconv.report import text

if TYPE_CHECKING:
    from edgeconv.cli.options.output import Found
    from edgeconv.verify.accuracy.evaluate import Evaluation
    from edgeconv.verify.accuracy.losses import LossUnit, Shown
    from edgeconv.verify.tasks.figures import FileFigures

_UNITS: dict[LossUnit, str] = {
    **{"points": " points", "percent": " %", "pixels": " px", "number": ""},
}


def in_words(bound: Shown) -> str:
    """What photos, or pairs, showed of a bound, and how many would show it."""
    seen = what_was_seen(vars(bound))
    if bound.shown:
        return f"--max-drop {bound.bound:g} is shown (95 %): {seen}"
    return f"--max-drop {bound.bound:g} is NOT SHOWN: {seen}; {_way(bound)}"


def what_was_seen(bound: Mapping[str, Any]) -> str:
    """What was lost by how many, of a bound's fields by name."""
    unit = _UNITS[bound["unit"]]
    seen = f"{bound['of']}: {text.number(bound['lost'], 2)}{unit} of {bound['judged']:,} judged"
    if bound["at_most"] is not None:
        seen += f", at most {text.number(bound['at_most'], 2)}{unit}"
    return seen


def _way(bound: Shown) -> str:
    if bound.needed is None:
        return "no number of them would show it where so much is lost"
    return f"about {bound.needed:,} would show it ({bound.fewest:,} at least, if nothing is lost)"


def bound_notes(files: Sequence[Evaluation | FileFigures]) -> Iterator[str]:
    """A line for each file that was given a bound."""
    for file in files:
        if file.bound is not None:
            yield f"{file.artifact}: {in_words(file.bound)}"


def write_junit(path: Path, found: Sequence[Found]) -> None:
    """A case for each file of each target; without a bound every file passes."""
    from edgeconv.report import junit

    cases = [
        junit.Case(
            name=file.artifact if len(found) == 1 else f"{one.target}: {file.artifact}",
            passed=file.bound is None or file.bound.shown,
            message="no bound was asked for" if file.bound is None else in_words(file.bound),
            figures=_figures(file),
        )
        for one in found
        for file in one.document["evaluations"]
    ]
    junit.write_junit(path, "eval", cases)


def require_shown(found: Sequence[Found]) -> None:
    """Raises ThresholdMissed where photos did not show the bound of a file."""
    missed = [
        f"{file.artifact}: {in_words(file.bound)}"
        for one in found
        for file in one.document["evaluations"]
        if file.bound is not None and not file.bound.shown
    ]
    if missed:
        raise ThresholdMissed("; ".join(missed))


def _figures(file: Evaluation | FileFigures) -> dict[str, float]:
    """What was measured of a file, by name."""
    from edgeconv.verify.tasks.figures import FileFigures

    if isinstance(file, FileFigures):
        return {f"{one.of} {one.name}".strip(): one.estimate.value for one in file.figures}
    return {"top-1": file.comparison.candidate.top1.value}
