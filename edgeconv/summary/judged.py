"""What documents of `eval`, `parity` and `diagnose` tell of files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from edgeconv.runtime.open import ENGINE_OF_SUFFIX
from edgeconv.summary.measured import OfFile
from edgeconv.summary.row import Accuracy, Answer, Source, Tensor
from edgeconv.summary.told import artifact_of, at, format_of, listed, number, text, versions, whole
from edgeconv.verify.tasks.figures import Estimate

_MOST = 10_000
_MOST_PHOTOS = 64
_MOST_TENSORS = 8


def evaluated(document: dict[str, Any], source: Source) -> Iterator[OfFile]:
    """Each file of a document that `eval --json` wrote, or of each bundle in it."""
    for one in listed(document, "bundles")[:_MOST]:
        yield from evaluated(one if isinstance(one, dict) else {}, source)
    device, task = text(document, "device"), text(document, "task")
    source = replace(source, versions=versions(document, "versions"))
    for told in listed(document, "evaluations")[:_MOST]:
        accuracy = _classified if task == "classification" else _in_task
        sha256 = text(told, "sha256")
        if found := accuracy(told, task, device, whole(document, "photos") or 0):
            yield OfFile(sha256, source, device, text(told, "engine"), accuracy=found)


def compared(document: dict[str, Any], source: Source) -> Iterator[OfFile]:
    """Each file of a document that `parity --json` wrote, or of each bundle in it."""
    for one in listed(document, "bundles")[:_MOST]:
        yield from compared(one if isinstance(one, dict) else {}, source)
    device, files = text(document, "device"), at(document, "files")
    for name in sorted(files)[:64] if isinstance(files, dict) else ():
        own = [stage for stage in listed(document, "stages") if artifact_of(stage) == name]
        if own and all(at(stage, "judged") is True for stage in own):
            passed = all(at(stage, "passed") is True for stage in own)
            sha256, engine = text(files, name), ENGINE_OF_SUFFIX[f".{format_of(name)}"]
            yield OfFile(sha256, source, device, engine, parity="passed" if passed else "failed")


def diagnosed(document: dict[str, Any], source: Source) -> Iterator[OfFile]:
    """Each int8 file of a document that `diagnose --json` wrote."""
    files, tensors = at(document, "files"), listed(document, "tensors")[:_MOST]
    for name in sorted(files)[:64] if isinstance(files, dict) else ():
        found = [tensor for one in tensors if (tensor := _tensor(one, name)) is not None]
        if found:
            worst = sorted(found, key=lambda tensor: tensor.sqnr_db)[:_MOST_TENSORS]
            yield OfFile(text(files, name), source, worst=tuple(worst))


def _tensor(told: Any, name: str) -> Tensor | None:
    own = at(told, "own", name)
    decibels = number(own, "sqnr_db")
    if decibels is None:
        return None
    return Tensor(text(told, "name"), text(told, "op_type"), decibels, number(own, "grid_sqnr_db"))


def _interval(
    told: Any, value: str = "value", low: str = "low", high: str = "high"
) -> Estimate | None:
    found = number(told, value)
    return None if found is None else Estimate(found, number(told, low), number(told, high))


def _classified(told: Any, task: str, device: str, photos: int) -> Accuracy | None:
    comparison = at(told, "comparison")
    top1 = _interval(at(comparison, "candidate", "top1"))
    if top1 is None:
        return None
    drop = at(comparison, "drop")
    return Accuracy(
        task=task,
        figure="top-1",
        unit="share",
        device=device,
        photos=photos,
        value=top1,
        agreement=_interval(at(comparison, "agreement")),
        drop=_interval(drop, "points", "low_points", "high_points"),
        lost=whole(drop, "reference_only"),
        gained=whole(drop, "candidate_only"),
        differing=tuple(map(_answer, listed(told, "differing")[:_MOST_PHOTOS])),
    )


def _answer(told: Any) -> Answer:
    numbers = {name: number(told, name) for name in ("label", "reference", "told")}
    words = {name: "-" if n is None or n < 0 else f"{n:.0f}" for name, n in numbers.items()}
    return Answer(text(told, "photo"), **words)


def _in_task(told: Any, task: str, device: str, photos: int) -> Accuracy | None:
    """The first of the task's figures that has a value."""
    estimates = ((one, _interval(at(one, "estimate"))) for one in listed(told, "figures"))
    first, value = next((pair for pair in estimates if pair[1] is not None), (None, None))
    if value is None:
        return None
    change = _interval(at(first, "change"))
    share = text(first, "unit") == "share"
    agrees = task == "agreement" and share
    name = " ".join(filter(None, (text(first, "name"), text(first, "of"))))
    found = Accuracy(task, name, text(first, "unit"), device, photos, value)
    drop = None if change is None else _lost(change, 100.0 if share else 1.0, found)
    return replace(found, agreement=value if agrees else None, drop=drop)


def _lost(change: Estimate, scale: float, of: Accuracy) -> Estimate:
    """What is lost by a change: a rise of an error, a fall of all else, in points of a share."""
    if of.is_error:
        return change
    low = None if change.high is None else -scale * change.high
    high = None if change.low is None else -scale * change.low
    return Estimate(-scale * change.value, low, high)
