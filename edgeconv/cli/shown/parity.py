"""The stages of parity: tables, and a JUnit file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeconv.report.tables import Column, Table, Told, show
from edgeconv.verify.thresholds import MEDIAN_ERRORS

if TYPE_CHECKING:
    from edgeconv.verify.parity.device_operators import OperatorIdentity
    from edgeconv.verify.parity.on_device import DeviceParity
    from edgeconv.verify.parity.stages import ParityReport, StageResult


def parity_tables(report: ParityReport, on_device: DeviceParity | None = None) -> list[Table]:
    """Every stage of a parity check, and on a device its int8 operators by kind."""
    stages = stages_table(report.to_json()["stages"])
    if on_device is None or not on_device.operators:
        return [stages]
    return [stages, _operators_table(on_device.operators)]


def _operators_table(operators: Sequence[OperatorIdentity]) -> Table:
    by_kind: dict[tuple[str, str], list[OperatorIdentity]] = {}
    for operator in operators:
        by_kind.setdefault((operator.engine, operator.kind), []).append(operator)
    told: Told[list[OperatorIdentity]] = [
        (Column("engine", rank=1), lambda held: held[0].engine),
        (Column("int8 operator"), lambda ops: ops[0].kind),
        (Column("number", "integer", rank=2), len),
        (Column("bit-identical to here", "quantity"), _identical),
        (
            Column("most steps apart", "integer", rank=3),
            lambda ops: max(o.max_steps for o in ops),
        ),
        (
            Column("values apart", "percent", 2, 4),
            lambda held: max(o.share_differing for o in held),
        ),
    ]
    note = "on identical integers; steps and values apart are from LiteRT's reference kernels here"
    return Table.of(by_kind.values(), told, notes=(note,))


def _identical(held: Sequence[OperatorIdentity]) -> int | None:
    return None if held[0].identical is None else sum(one.identical is True for one in held)


def show_stages(stages: Sequence[dict[str, Any]], notes: Sequence[str] = ()) -> None:
    """Stages as they stand in a manifest."""
    show(stages_table(stages, notes))


def stages_table(stages: Sequence[dict[str, Any]], notes: Sequence[str] = ()) -> Table:
    """A line for each output of each stage of a manifest; then the notes."""
    columns = (
        Column("parity with the reference"),
        Column("error", "quantity", rank=3),
        Column("SQNR dB", "number", 1, rank=1),
        Column("±", "number", 1, rank=5),
        Column("lower quartile", "number", 1, rank=4),
        Column("cosine", "number", 6, rank=5),
        Column("top-1 agreement", "percent", 0, rank=4),
        Column("threshold", rank=2),
        Column("verdict"),
    )
    rows: list[tuple[Any, ...]] = []
    noted: dict[str, list[str]] = {}
    for stage in stages:
        bounds = stage["thresholds"] or [None] * len(stage["figures"])
        several = len(stage["figures"]) > 1
        rated = zip(stage["outputs"], stage["figures"], bounds, stage["met"], strict=True)
        for name, figures, bound, met in rated:
            rows.append(
                (
                    f"{stage['name']}, {name}" if several else stage["name"],
                    _error(figures["relative_error"]),
                    *_ratios(figures, bound),
                    figures["cosine"],
                    figures["top1_agreement"],
                    "-" if bound is None else _bound(bound),
                    _verdict(stage, met),
                )
            )
        if not stage["figures"]:
            rows.append((stage["name"], *(None,) * 6, "-", _verdict(stage, stage["passed"])))
        if stage["worst_part"] is not None:
            rows.append(_part_row(stage))
        for remark in filter(None, stage["note"].split("; ")):
            noted.setdefault(remark, []).append(stage["name"])
    remarks = [f"{', '.join(names)}: {remark}" for remark, names in noted.items()]
    return Table(columns, rows, notes=[*notes, *remarks])


def _error(relative: float | None) -> str:
    """A largest error; None in a document is one that is not finite."""
    return "inf" if relative is None else f"{relative:.1e}"


def _ratios(figures: dict[str, Any], bound: dict[str, Any] | None) -> tuple[float | None, ...]:
    """What is judged: the photos' median, by how much chance moves that, and their lower quartile;
    or the ratio over all of them."""
    if bound is not None and bound["figure"] == "median_sqnr_db":
        chance = MEDIAN_ERRORS * figures["median_error_db"]
        return figures["median_sqnr_db"], chance, figures["quartile_sqnr_db"]
    return figures["sqnr_db"], None, None


def _part_row(stage: dict[str, Any]) -> tuple[Any, ...]:
    """The worst part of a stage's outputs, as a line of its own."""
    part = stage["worst_part"]
    return (
        f"  worst part: {part['output']}, {part['part']}",
        _error(part["relative_error"]),
        part["sqnr_db"],
        *(None,) * 4,
        "-",
        _verdict(stage, part["passed"]),
    )


def _verdict(stage: dict[str, Any], met: bool) -> str:
    if not stage["judged"]:
        return "not judged"
    return "passed" if met else "FAILED"


def _bound(bound: dict[str, Any]) -> str:
    if bound["limit"] is None:  # what it was made of is not finite either
        return "not finite"
    if bound["figure"] == "relative_error":
        return f"error <= {bound['limit']:g}"
    if bound["figure"] == "equal":
        return f"{bound['limit']:.2%} equal"
    return f"SQNR >= {bound['limit']:.1f} dB"


def write_junit(path: Path, suite: str, stages: Sequence[StageResult]) -> None:
    """Writes parity as JUnit XML, a case a stage; stages that only inform pass."""
    from edgeconv.report import junit

    cases = [
        junit.Case(
            name=stage.name,
            passed=stage.passed,
            message="; ".join(
                [*(str(threshold) for threshold in stage.thresholds), *filter(None, [stage.note])]
            ),
            figures=stage.figures[0].to_json() if stage.figures else {},
            seconds=stage.seconds,
        )
        for stage in stages
    ]
    junit.write_junit(path, suite, cases)
