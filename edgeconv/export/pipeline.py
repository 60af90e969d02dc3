"""From a net's name to a verified bundle: the whole path, step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx_ir as ir
from torch import nn
from torch.export import ExportedProgram

from edgeconv.bundle import artifacts, bundle, golden, labels, manifest, quantization, staging
from edgeconv.bundle.identity import Identity
from edgeconv.errors import NetRefused, UsageError
from edgeconv.export import micro
from edgeconv.export.bundle import describe, model_files
from edgeconv.export.bundle.describe import interface_of
from edgeconv.export.bundle.golden_folder import Classes
from edgeconv.export.calibration import OwnSamples, calibration_photos, own_samples
from edgeconv.export.front_ends import ModelFile, require_opens
from edgeconv.export.half_precision import fits_half_precision
from edgeconv.export.judged import Subject, judged
from edgeconv.export.judging import judging
from edgeconv.export.options import ExportOptions
from edgeconv.export.pixels import with_pixel_input
from edgeconv.export.preflight import check_request
from edgeconv.export.probabilities import (
    ProbableReference,
    gives_probabilities,
    in_float,
    logits_of,
    with_softmax,
)
from edgeconv.export.progress import SILENT_EXPORT, ExportProgress
from edgeconv.export.quantized import QuantizedNet, quantized_net
from edgeconv.export.sources.load import load_source
from edgeconv.export.sources.source import Source
from edgeconv.export.threads import one_thread
from edgeconv.graph.passes.split_outputs import split_outputs
from edgeconv.graph.view import shape_of
from edgeconv.nets.handed_over import handed_over
from edgeconv.quantize.plan.int16 import int16_plan, with_planned_weights
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.summary import summarize
from edgeconv.threads import beside
from edgeconv.verify.parity.hub_parts import parts_of_outputs

#: What an export may be given.
Target = str | nn.Module | ExportedProgram | Callable[..., Any]

#: Photos that show whether a net fits in half precision.
_HALF_PRECISION_PHOTOS = 8


@one_thread()
def export_bundle(
    target: Target,
    options: ExportOptions | None = None,
    *,
    out: Path | str | None = None,
    force: bool = False,
    progress: ExportProgress = SILENT_EXPORT,
) -> bundle.Bundle:
    """Exports a net into a bundle and checks every file of it against the float reference.

    Args:
        target: a net's name, `path/to/net.py:factory`, `package.module:factory`, or the path of an
            ONNX file; or a module, a program of torch.export, a function or class that makes one.
        options: what to export and how.
        out: the bundle's directory; None means `./NET`, or `./NET-untrained`.
        force: whether a bundle that stands there is replaced.
        progress: told of every step.

    Returns:
        The bundle, written whether parity passed or not: `Bundle.parity_passed` tells.

    Raises:
        EdgeconvError: see the classes in `edgeconv.errors`; nothing is left behind.
    """
    options = options or ExportOptions()
    if options.softmax:
        options = replace(options, thresholds=options.thresholds.of_probabilities())
    given = target if isinstance(target, str) else handed_over(target)
    check_request(given, options, None if out is None else Path(out), force=force)
    progress.step("load the net and its weights")
    net = load_source(given, options, progress)
    if net.weights.note:
        progress.warn(net.weights.note)
    if net.intake.note:
        progress.warn(net.intake.note)
    if options.io == "uint8" and net.intake.preprocessing is None:
        raise UsageError(
            f"--io uint8 takes the pixels of a photo, and nothing says how one becomes what "
            f"{given} takes ({net.intake}); leave --io out, or take --io float32"
        )
    destination = Path(out or (net.name if net.trained else f"{net.name}-untrained"))
    with staging.staged(destination, force=force, is_ours=bundle.is_bundle) as directory:
        documents = _fill(directory, net, options, progress)
    return bundle.Bundle(destination, *documents)


def _fill(
    directory: Path, net: Source, options: ExportOptions, progress: ExportProgress
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Writes every file of the bundle into `directory`; gives manifest and quantization.json."""
    own = own_samples(options.calib)
    if own is not None and own.note:
        progress.warn(own.note)
    progress.step("capture the graph")
    hub = net.captured(options, progress)
    _require_rows(hub, options.batch)
    former = split_outputs(hub) if options.split_outputs else None
    reference = net.reference(hub, former, options.batch)
    model = hub
    if options.softmax:
        logits, model = logits_of(hub, net.name), with_softmax(hub)
        reference = ProbableReference(model, reference, logits)
    identity = _identity(net, model, options)
    in_bundle = options.golden_from_calib
    with beside(
        lambda ended: judging(net, reference, own, own_in_bundle=in_bundle, stop=ended)
    ) as samples:
        _write_floats(net, model, own, directory, identity, options, progress)
        _require_front_end(directory, net, options)  # before the work
        quantized, details = None, {}
        if options.is_calibrated:
            quantized = quantized_net(net, hub, own, options, progress)
            _write_quantized(quantized, directory, identity, options, progress)
            repairs, tensors = quantized.whole.repairs.to_json(), summarize(quantized.plan)
            details = quantization.write(directory, repairs, tensors)
        if identity.labels is not None:
            labels.write(directory, identity.labels)
        progress.step("check parity")
        judges = samples()
    parts = parts_of_outputs(model, {} if quantized is None else quantized.seen)
    classes = None if options.features else Classes(identity.labels, gives_probabilities(model))
    subject = Subject(directory, net, reference, parts, options.thresholds, classes)
    verdict = judged(subject, judges)
    for warning in verdict.warnings:
        progress.warn(warning)
    document = describe.describe(
        net, model, options, quantized=quantized, verdict=verdict, parts=parts, directory=directory
    )
    _require_front_end(directory, net, options)
    if options.front_end == "micro":
        progress.step("run it in TensorFlow Lite Micro")
        document = _for_micro(directory, net, document)
    return manifest.write(directory, document), details


def _write_floats(
    net: Source,
    model: ir.Model,
    own: OwnSamples | None,
    directory: Path,
    identity: Identity,
    options: ExportOptions,
    progress: ExportProgress,
) -> None:
    """Writes the files that need no calibration."""
    progress.step("write the float files")
    formats, io = options.formats, options.io
    taken = with_pixel_input(model, net.intake.of_photo(net.name)) if io == "uint8" else model
    model_files.write(taken, directory, formats, identity, io=io)
    if options.wants("float16"):
        progress.step("write the float16 files")
        half = _fits_half_precision(net, model, own, options.batch)
        model_files.write(
            taken, directory, formats, identity, "float16", io=io, half_precision=half
        )


def _require_front_end(directory: Path, net: Source, options: ExportOptions) -> None:
    """Raises NetRefused where a file that stands there does not open in what `--for` names."""
    if options.front_end is None:
        return
    for short, path in artifacts.present(directory).items():
        file = ModelFile(short, interface_of(path), net.intake.preprocessing)
        require_opens(file, options.front_end)


def _for_micro(directory: Path, net: Source, document: dict[str, Any]) -> dict[str, Any]:
    """Tries the int8 file and writes its header; gives the manifest that says so."""
    path = directory / artifacts.FILES[micro.ARTIFACT]
    found = micro.tried(path, golden.load(directory).samples)
    micro.write_header(path, net.name, found)
    document["artifacts"][micro.ARTIFACT]["opens_in"].append("micro")
    told = {name: value for name, value in document.items() if name != "files"}
    return {**told, "micro": found.to_json(), "files": manifest.file_table(directory)}


def _fits_half_precision(net: Source, model: ir.Model, own: OwnSamples | None, batch: int) -> bool:
    photos = calibration_photos(own, net.intake, _HALF_PRECISION_PHOTOS)
    return fits_half_precision(model, photos.batches(batch, raw=False))


def _identity(net: Source, model: ir.Model, options: ExportOptions) -> Identity:
    """What the files say of themselves.

    Raises:
        NetRefused: no output has as many channels as there are labels.
    """
    names = None if options.features else net.labels
    shapes = [shape_of(value) for value in model.graph.outputs]
    if names is not None and not any(s[1:2] == (len(names),) for s in shapes):
        raise NetRefused(
            f"the net names {len(names)} labels, and its outputs are of shape "
            f"{', '.join(map(str, shapes))}; give a label for each class"
        )
    return Identity(
        net=net.name,
        preprocessing=net.intake.preprocessing,
        labels=names,
        license=net.weights.license,
        trained=net.trained,
    )


def _write_quantized(
    quantized: QuantizedNet,
    directory: Path,
    identity: Identity,
    options: ExportOptions,
    progress: ExportProgress,
) -> None:
    """Writes the files that were calibrated."""
    whole = quantized.whole
    if options.wants("int8"):
        progress.step("write the int8 files")
        formats, (model, plan) = options.formats, _given(whole.model, quantized.plan, options)
        model_files.write(model, directory, formats, identity, "int8", plan, options.io)
    for precision in ("weight-only-int8", "dynamic-int8", "int16x8"):
        if not options.wants(precision):
            continue
        progress.step(f"write the {precision} files")
        plan = whole.plan
        if precision == "int16x8":
            plan = int16_plan(whole.model, whole.observations, plan)
        exact = with_planned_weights(whole.model, whole.plan)
        model, plan = _given(exact, plan, options)
        model_files.write(model, directory, options.formats, identity, precision, plan)


def _given(model: ir.Model, plan: Plan, options: ExportOptions) -> tuple[ir.Model, Plan]:
    """Graph and plan of files that give what is asked for: logits, or probabilities."""
    if not options.softmax:
        return model, plan
    ended = with_softmax(model)
    return ended, in_float(plan, ended)


def _require_rows(model: ir.Model, batch: int) -> None:
    """Raises NetRefused where several photos give one output, which is then none of them."""
    for output in model.graph.outputs:
        shape = shape_of(output)
        if batch > 1 and shape[:1] != (batch,):
            raise NetRefused(
                f"the net's output {output.name} has the shape {shape}: not one row for each of "
                f"the {batch} photos of a batch; export it with --batch 1"
            )
