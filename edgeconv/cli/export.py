"""edgeconv export: from a net to a verified bundle."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeconv.cli.options import arguments, nets, output
from edgeconv.cli.options.checks import Checks
from edgeconv.cli.options.export import Files, Input, Model, Output, Quantization
from edgeconv.cli.options.groups import gathered
from edgeconv.cli.process.imports import importing
from edgeconv.cli.shown.bundle import show_bundle
from edgeconv.cli.shown.mixed import why_not_shown
from edgeconv.errors import ThresholdMissed
from edgeconv.report.progress import Steps
from edgeconv.report.tables import Column, Table, Told, show

if TYPE_CHECKING:
    from edgeconv.bundle.bundle import Bundle
    from edgeconv.export.options import ExportOptions
    from edgeconv.quantize.recipe.step import StepReport


@gathered
def export(
    *,
    net: str = nets.SOURCE,
    model: Model,
    stated: Input,
    files: Files,
    quantization: Quantization,
    checks: Checks,
    to: Output,
) -> None:
    """Export NET to ONNX and TFLite, float and int8, and check every file against the float net.

    Exits 1 where a file misses its threshold, or photos do not show --max-drop; the bundle is
    written all the same and says so.
    """
    with importing():
        from edgeconv.export.preflight import check_request

    options = _options(model, stated, files, quantization, checks)
    check_request(net, options, to.out, force=to.force)  # before PyTorch is started
    bundle = _exported(net, options, to)
    try:
        output.show(bundle.manifest, lambda: show_bundle(bundle), as_json=to.as_json)
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(f"{bundle.directory} is written whole")
        raise
    _check_met(bundle.manifest)


def _options(
    model: Model, stated: Input, files: Files, quantization: Quantization, checks: Checks
) -> ExportOptions:
    """As the exporter takes them; raises UsageError where a word is wrong."""
    from edgeconv.export.options import ExportOptions

    said = stated.file()
    options_of_net = arguments.net_options(model.net_option)
    if model.fully_convolutional:
        options_of_net["fully_convolutional"] = True
    return ExportOptions(
        **_ends(files),
        precisions=arguments.words("--precision", files.precision) if files.precision else (),  # type: ignore[arg-type]  # checked there
        weights=model.weights,
        net_options=options_of_net,
        features=model.features,
        split_outputs=model.split_outputs,
        input_size=arguments.input_size(model.input_size) or said.input_size,
        batch=model.batch,
        calib=None if quantization.calib == "builtin" else Path(quantization.calib),
        golden_from_calib=quantization.golden_from_calib,
        calib_samples=quantization.calib_samples,
        recipe=quantization.recipe,
        ranges=quantization.ranges,
        max_drop=quantization.max_drop,
        labels=quantization.labels,
        task=quantization.task,
        output=quantization.output,
        decode=quantization.decode,
        classes=model.classes,
        stated=stated.stated(said.stated),
        seed=model.seed,
        thresholds=checks.thresholds(),
    )


def _ends(files: Files) -> dict[str, Any]:
    """Which files are written and what they take and give: as said, or as --for needs it."""
    from edgeconv.export.front_ends import OPTIONS_FOR

    said: dict[str, Any] = {
        "formats": arguments.words("--format", files.formats) if files.formats else None,
        "io": files.io,
        "int8": files.int8 or None,
        "softmax": files.softmax or None,
        "front_end": files.for_,
    }
    needed = {} if files.for_ is None else OPTIONS_FOR[files.for_]
    return {**needed, **{name: value for name, value in said.items() if value is not None}}


def _exported(net: str, options: ExportOptions, to: Output) -> Bundle:
    """The bundle; its steps are drawn."""

    with Drawn() as progress:
        progress.step("start PyTorch")
        with importing():
            from edgeconv.export.pipeline import export_bundle

        return export_bundle(net, options, out=to.out, force=to.force, progress=progress)


def _check_met(manifest: dict[str, Any]) -> None:
    """Raises ThresholdMissed where parity is missed, or the bound of the drop was not shown."""
    if missed := manifest["parity"]["failed"]:
        raise ThresholdMissed(f"parity missed its threshold: {'; '.join(missed)}")
    mixed = manifest.get("quantization", {}).get("mixed_precision")
    if mixed is not None and not mixed["promise"]["shown"]:
        raise ThresholdMissed(why_not_shown(mixed))


class Drawn(Steps):
    """Steps as live lines on a terminal, as plain lines elsewhere; warnings above them."""

    def steps(self, reports: Sequence[StepReport]) -> None:
        """A table of what each step of the quantization recipe did."""
        self.finish()
        if not reports:
            return
        told: Told[StepReport] = [
            (Column("step"), lambda step: step.name),
            (Column("kept"), lambda step: "yes" if step.kept else "no"),
            (Column("SQNR dB", "number", 1, rank=2), lambda step: step.sqnr_db),
            (Column("gain dB", "quantity", rank=1), _gain),
            (Column("top-1 agreement", "percent", 0, rank=3), lambda step: step.agreement),
            (Column("seconds", "number", 1, rank=4), lambda step: step.seconds),
        ]
        note = (
            "SQNR and agreement with the float net on calibration samples held back from the step; "
            "behind ± what other samples may move the gain by (one standard error)"
        )
        measured = any(report.sqnr_db is not None for report in reports)
        show(Table.of(reports, told, notes=(note,) if measured else ()), file=sys.stderr)


def _gain(step: StepReport) -> str | None:
    """The gain and its standard error."""
    if step.gain_db is None:
        return None
    error = "" if step.gain_error_db is None else f" ± {step.gain_error_db:.1f}"
    return f"{step.gain_db:+.1f}{error}"
