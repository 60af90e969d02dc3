"""What the verbs print: results as tables on stdout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from edgeconv.cli.shown.mixed import show_mixed
from edgeconv.cli.shown.profile import show_benchmark_model, show_profile
from edgeconv.report.tables import Column, Table, show

if TYPE_CHECKING:
    from edgeconv.devices.bench.report import BenchReport
    from edgeconv.export.bundle.bundle import Bundle
    from edgeconv.nets.spec import NetSpec
    from edgeconv.verify.accuracy.evaluate import Evaluation
    from edgeconv.verify.parity.device_operators import OperatorIdentity
    from edgeconv.verify.parity.on_device import DeviceParity
    from edgeconv.verify.parity.stages import ParityReport


def show_nets(specs: Sequence[NetSpec]) -> None:
    """The registry, a line a net."""
    columns = (
        Column("net"),
        Column("parameters M", "number"),
        Column("multiply-adds M", "number", 0),
        Column("top-1 %", "number"),
        Column("top-5 %", "number"),
        Column("input"),
        Column("options"),
        Column("accuracy stated by"),
    )
    rows = []
    for spec in specs:
        facts = spec.facts
        height, width = spec.preprocessing.input_size
        rows.append(
            (
                spec.name,
                facts.parameters / 1e6,
                facts.multiply_adds / 1e6,
                facts.top1,
                facts.top5,
                f"{height}x{width}",
                ", ".join(spec.options) or "-",
                facts.accuracy_stated_by or "-",
            )
        )
    show(
        Table(
            columns,
            rows,
            notes=(
                "Published ImageNet-1k figures at default options; `edgeconv list --json` says "
                "where every one of them stands, and those at other options.",
            ),
        )
    )


def show_bundle(bundle: Bundle) -> None:
    """A bundle's files and how well they agree with the reference."""
    rows = [
        (name, facts["bytes"], facts["sha256"][:12])
        for name, facts in bundle.manifest["files"].items()
    ]
    show(
        Table(
            (Column("file"), Column("size", "size"), Column("sha256")),
            rows,
            title=str(bundle.directory),
            notes=_what_is_computed(bundle),
        )
    )
    mixed = bundle.manifest.get("quantization", {}).get("mixed_precision")
    if mixed is not None:
        typer.echo()
        show_mixed(mixed)
    typer.echo()
    show_stages(bundle.manifest["parity"]["stages"])


def _what_is_computed(bundle: Bundle) -> list[str]:
    """A line for each file whose name does not tell what its engine computes."""
    return [
        f"{facts['file']}: {facts['computes']}"
        for facts in bundle.manifest["artifacts"].values()
        if facts["precision"] not in ("float32", "int8")
    ]


def show_parity(report: ParityReport) -> None:
    """Every stage of a parity check."""
    show_stages(report.to_json()["stages"])


def show_device_parity(found: DeviceParity) -> None:
    """Every stage of parity on a device, and its int8 operators by kind."""
    show_stages(found.report.to_json()["stages"])
    by_kind: dict[tuple[str, str], list[OperatorIdentity]] = {}
    for operator in found.operators:
        by_kind.setdefault((operator.engine, operator.kind), []).append(operator)
    if not by_kind:
        return
    columns = (
        Column("engine"),
        Column("int8 operator"),
        Column("number", "number", 0),
        Column("bit-identical to here", "quantity"),
        Column("most steps apart", "number", 0),
        Column("values apart", "percent", 2),
    )
    rows = [
        (
            engine,
            kind,
            len(held),
            "-" if held[0].identical is None else str(sum(o.identical is True for o in held)),
            max(o.max_steps for o in held),
            max(o.share_differing for o in held),
        )
        for (engine, kind), held in by_kind.items()
    ]
    note = "on identical integers; steps and values apart are from LiteRT's reference kernels here"
    typer.echo()
    show(Table(columns, rows, notes=(note,)))


def show_stages(stages: Sequence[dict[str, Any]]) -> None:
    """Stages as they stand in a manifest: a line for each output of each stage."""
    columns = (
        Column("parity with the reference"),
        Column("error"),
        Column("SQNR dB", "number", 1),
        Column("cosine", "number", 6),
        Column("top-1 agreement", "percent", 0),
        Column("threshold"),
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
                    f"{figures['relative_error']:.1e}",
                    figures["sqnr_db"],
                    figures["cosine"],
                    figures["top1_agreement"],
                    "-" if bound is None else _bound(bound),
                    _verdict(stage, met),
                )
            )
        if not stage["figures"]:
            rows.append((stage["name"], *(None,) * 4, "-", _verdict(stage, stage["passed"])))
        if stage["worst_part"] is not None:
            rows.append(_part_row(stage))
        for remark in filter(None, stage["note"].split("; ")):
            noted.setdefault(remark, []).append(stage["name"])
    notes = [f"{', '.join(names)}: {remark}" for remark, names in noted.items()]
    show(Table(columns, rows, notes=notes))


def _part_row(stage: dict[str, Any]) -> tuple[Any, ...]:
    """The worst part of a stage's outputs, as a line of its own."""
    part = stage["worst_part"]
    return (
        f"  worst part: {part['output']}, {part['part']}",
        "-" if part["relative_error"] is None else f"{part['relative_error']:.1e}",
        part["sqnr_db"],
        *(None, None, "-"),
        _verdict(stage, part["passed"]),
    )


def _verdict(stage: dict[str, Any], met: bool) -> str:
    if not stage["judged"]:
        return "not judged"
    return "passed" if met else "FAILED"


def _bound(bound: dict[str, Any]) -> str:
    if bound["figure"] == "relative_error":
        return f"error <= {bound['limit']:g}"
    return f"SQNR >= {bound['limit']:.1f} dB"


def write_junit(path: Path, suite: str, report: ParityReport) -> None:
    """Writes a parity report as JUnit XML, a case a stage; stages that only inform pass."""
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
        for stage in report.stages
    ]
    junit.write_junit(path, suite, cases)


def show_evaluations(evaluations: Sequence[Evaluation], reference: str) -> None:
    """Accuracy of every file, and the paired comparison with the reference."""
    there = any(evaluation.here is not None for evaluation in evaluations)
    columns = (
        Column("file"),
        Column("top-1", "percent", 1),
        Column("95 % interval"),
        Column("top-5", "percent", 1),
        Column("agreement", "percent", 1),
        Column("SQNR dB", "number", 1),
        Column("drop, points", "number", 1),
        Column("95 % interval of the drop"),
        Column("at most", "number", 1),
        Column("McNemar p", "number", 3),
        *([Column("agrees with here", "percent", 1)] if there else []),
    )
    rows = []
    for evaluation in evaluations:
        comparison = evaluation.comparison
        accuracy, drop = comparison.candidate, comparison.drop
        paired: tuple[Any, ...] = (
            comparison.agreement.value,
            comparison.sqnr_db,
            drop.points,
            f"{drop.low_points:+.1f} to {drop.high_points:+.1f}",
            drop.bound_points,
            drop.p_value,
        )
        rows.append(
            (
                evaluation.artifact,
                accuracy.top1.value,
                f"{100 * accuracy.top1.low:.1f} to {100 * accuracy.top1.high:.1f} %",
                accuracy.top5.value,
                *(paired if evaluation.artifact != reference else (None,) * len(paired)),
                *([_agreement_with_here(evaluation)] if there else []),
            )
        )
    photos = f"{evaluations[0].comparison.images} photos"
    notes = [
        f"{photos}; agreement and drop are against {reference}, on the same photos; `at most` is "
        "the one-sided 95 % bound of the drop"
        if len(evaluations) > 1
        else f"{photos}; there is no float file to compare {reference} with"
    ]
    notes += [
        f"{e.artifact} ran with graph optimizations off: this CPU's int8 kernels saturate"
        for e in evaluations
        if e.kernels == "reference"
    ]
    notes += [
        f"{e.artifact}: of the parts of its output, {part} has the lowest SQNR, {sqnr_db:.1f} dB"
        for e in evaluations
        if e.artifact != reference and e.comparison.parts
        for part, sqnr_db in [min(e.comparison.parts.items(), key=lambda item: item[1])]
    ]
    show(Table(columns, rows, notes=notes))


def _agreement_with_here(evaluation: Evaluation) -> float | None:
    return None if evaluation.here is None else evaluation.here.agreement.value


def show_bench(report: BenchReport) -> None:
    """A line for each file and number of threads."""
    columns = [
        Column(header, "text" if header in ("artifact", "engine", "verdict") else "quantity")
        for header in report.columns
    ]
    note = "p50 and its 95 % bootstrap interval are over all runs of all processes"
    if report.config.side_by_side:
        note += "; files were measured side by side"
    if report.emulated:
        note = (
            f"{report.device} is emulated: its time means nothing, so this is what one inference "
            "executes. Instructions are not cycles"
        )
    show(Table(columns, report.rows(), notes=(note,)))
    for name, profile in report.profiles.items():
        typer.echo()
        source = f"as {profile.engine}'s profiler tells, the mean of the middle half of its runs"
        show_profile(name, profile, source)
    if report.benchmark_model:
        typer.echo()
        show_benchmark_model(report.benchmark_model)
