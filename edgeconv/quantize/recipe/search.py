"""Applies a recipe's steps one after another and keeps those that help."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgeconv.progress import Advance
from edgeconv.quantize.recipe.draft import Draft
from edgeconv.quantize.recipe.step import Step, StepReport
from edgeconv.quantize.refine.judge import Gain, Judge, Verdict

#: The first line of every report that measures.
START = "ranges and integers, no repair"


@dataclass(frozen=True, eq=False)
class Found:
    """What a search came to: the draft with every step kept, those steps, and what each did."""

    draft: Draft
    kept: tuple[Step, ...]
    reports: tuple[StepReport, ...]


def apply_all(draft: Draft, steps: Sequence[Step]) -> Found:
    """Every step in turn, none of them judged; those that finish a plan are left to the caller.

    A step that gives its draft back found nothing to do and is not reported.
    """
    reports, kept = [], []
    for step in steps:
        start = time.perf_counter()
        if step.kind != "finish":
            tried = step.apply(draft)
            if tried is draft:
                continue
            draft = tried
        reports.append(_report(step.name, time.perf_counter() - start))
        kept.append(step)
    return Found(draft, tuple(kept), tuple(reports))


def apply_what_helps(draft: Draft, steps: Sequence[Step], judge: Judge, advance: Advance) -> Found:
    """Every step in turn, kept where `judge` finds its gain on photos it has not seen.

    The gain must not hang on a single photo: it is taken without the one that gains most. A step
    that found nothing to do is not reported here either. Where all that was kept comes out below
    no repair (a step may be allowed to lose a little), none of it is.
    """
    start = time.perf_counter()
    unrepaired, first = draft, judge(draft.model, draft.plan)
    best, kept = first, list[Step]()
    reports = [_report(START, time.perf_counter() - start, first)]
    for number, step in enumerate(steps, 1):
        start = time.perf_counter()
        tried = step.apply(draft)
        if tried is draft:
            advance(number)
            continue
        found = judge(tried.model, tried.plan)
        gain = Gain.of(found, best)
        helps = gain.least_db >= step.least_gain_db
        reports.append(_report(step.name, time.perf_counter() - start, found, gain, kept=helps))
        if helps:
            draft, best = tried, found
            kept.append(step)
        advance(number)
    if best.sqnr_db < first.sqnr_db:
        nothing = [replace(report, kept=report.name == START) for report in reports]
        return Found(unrepaired, (), tuple(nothing))
    return Found(draft, tuple(kept), tuple(reports))


def _report(
    name: str,
    seconds: float,
    found: Verdict | None = None,
    gain: Gain | None = None,
    *,
    kept: bool = True,
) -> StepReport:
    return StepReport(
        name,
        kept,
        None if found is None else found.sqnr_db,
        None if gain is None else gain.mean_db,
        None if gain is None else gain.error_db,
        None if found is None else found.agreement,
        seconds,
    )
