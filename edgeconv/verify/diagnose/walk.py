"""The whole walk: reference, float files, int8 files, tensor by tensor."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.errors import UsageError
from edgeconv.graph.fusion import written_output
from edgeconv.graph.view import activation_inputs, name_of
from edgeconv.progress import SILENT, Progress
from edgeconv.quantize.observe.targets import targets
from edgeconv.quantize.plan.weights import layer_of
from edgeconv.quantize.repair.channels import channel_groups
from edgeconv.runtime.adapt import Samples
from edgeconv.verify.diagnose import float_files, hub, parameters
from edgeconv.verify.diagnose.damage import refusing_contradictions
from edgeconv.verify.diagnose.diagnosis import (
    Diagnosis,
    Distribution,
    Finding,
    Kind,
    OwnError,
    Repair,
    TensorDiagnosis,
)
from edgeconv.verify.diagnose.grids import Upstream, distribution
from edgeconv.verify.diagnose.int8_file import (
    Int8File,
    Measured,
    kernel_findings,
    measure_file,
    poor_grids,
)
from edgeconv.verify.diagnose.lost_parts import lost_part_findings
from edgeconv.verify.diagnose.runs import FloatGraph, batches

PHOTOS = 4
_INT8 = ("int8.tflite", "int8.onnx")
#: What is known for certain before what is measured.
_WEIGHT_OF_KIND: Mapping[Kind, int] = {
    "constants": 0,
    "parameters": 1,
    "float": 2,
    "kernel": 3,
    "output": 4,
}


def diagnose(
    artifacts: Mapping[str, Path],
    images: Samples,
    references: Mapping[str, NDArray[np.float32]],
    *,
    recorded: Mapping[str, Any] | None = None,
    as_written: Callable[[ir.Model], ir.Model] | None = None,
    with_pixels: Callable[[ir.Model], ir.Model] | None = None,
    photos: int = PHOTOS,
    of_its_kind: bool = True,
    progress: Progress = SILENT,
) -> Diagnosis:
    """Finds the first tensor of a bundle that is worse than quantization explains.

    Args:
        artifacts: "onnx", "tflite", "int8.onnx", "int8.tflite" to the file; "onnx" must be there,
            for it is the graph the others are compared with.
        images: the golden photos.
        references: the float net's outputs for them by name.
        recorded: the `tensors` of the bundle's quantization.json.
        as_written: copies the channels of a graph that the int8 files hold as copies.
        with_pixels: puts the normalization in front of a graph, for files that take raw pixels.
        photos: how many of the images to run.
        of_its_kind: whether the images are of the kind that the net was made for; of others no part
            of an output is called lost, for they do not tell its range.
        progress: told what is being done.

    Raises:
        UsageError: there is no float ONNX file, or no photo.
        ArtifactRefused: a file cannot be loaded or is of another net.
        BundleRefused: by `as_written`.
    """
    _require_hub(artifacts)
    progress.step("compare the float files")
    loaded = hub.of_file(artifacts["onnx"])
    lite = artifacts.get("tflite")
    with refusing_contradictions(artifacts["onnx"], lite):
        chunks = list(batches(images, loaded, photos))
        stage = float_files.run(loaded, lite, chunks, references)
        model = float_files.true_graph(loaded, stage, lite)
        if as_written is not None:
            model = as_written(model)
        exact = FloatGraph(model)
        findings = list(float_files.findings(loaded, stage, lite))
    files: dict[str, Int8File] = {}
    walk = _Int8Walk(files, exact, chunks, of_its_kind)
    for name in (name for name in _INT8 if name in artifacts):
        progress.step(f"walk through {name}")
        with refusing_contradictions(artifacts[name]):
            files[name] = Int8File.open(name, artifacts[name], model, with_pixels)
            findings += walk.through(name, recorded or {})
    with refusing_contradictions(*artifacts.values()):
        findings += _between(files, findings, walk.measured)
        walked = next(iter(files.values())).model if files else model
        return Diagnosis(
            photos=sum(len(chunk) for chunk in chunks),
            truth=stage.truth,
            tensors=tuple(_tensors(walked, stage, walk.measured)),
            findings=tuple(_ordered(walked, findings)),
            poor_grids=tuple(
                grid
                for name, file in files.items()
                for grid in poor_grids(file, walk.measured[name])
            ),
            notes=tuple(_notes(artifacts, of_its_kind=of_its_kind)),
        )


def _require_hub(artifacts: Mapping[str, Path]) -> None:
    if "onnx" not in artifacts:
        raise UsageError(
            "diagnose compares every file with the float ONNX file, which this bundle has not; "
            "export with --format onnx,tflite"
        )


@dataclass(frozen=True, eq=False)
class _Int8Walk:
    """The int8 files of a bundle and what was measured of them so far.

    Attributes:
        files: by name.
        exact: the float graph, with the copies of the int8 files.
        chunks: the photos in its batches.
        of_its_kind: as for `diagnose`.
        measured: by the name of the file.
    """

    files: Mapping[str, Int8File]
    exact: FloatGraph
    chunks: Sequence[Samples]
    of_its_kind: bool
    measured: dict[str, Measured] = field(default_factory=dict)

    def through(self, name: str, recorded: Mapping[str, Any]) -> Iterator[Finding]:
        """Measures one file; what is wrong with it, as far as it tells by itself."""
        file = self.files[name]
        yield from parameters.check(file.model, file.plan, name, recorded)
        yield from file.weight_findings()
        like = _like(file, self.files, self.measured)
        self.measured[name] = measure_file(file, self.exact, self.chunks, like=like)
        yield from kernel_findings(file, self.measured[name])
        if self.of_its_kind:
            yield from lost_part_findings(file, self.measured[name])


def _like(
    file: Int8File, files: Mapping[str, Int8File], measured: Mapping[str, Measured]
) -> Measured | None:
    """What was measured of a file with the very same plan, if any."""
    for name, found in measured.items():
        other = files[name].plan
        if other.islands == file.plan.islands and not any(
            True for _ in parameters.differences(other, file.plan)
        ):
            return found
    return None


def _between(
    files: Mapping[str, Int8File], found: list[Finding], measured: Mapping[str, Measured]
) -> Iterator[Finding]:
    """Where the two int8 files differ and nothing else said so yet: one of them is wrong."""
    if len(files) < 2:
        return
    lite, onnx = files["int8.tflite"], files["int8.onnx"]
    blamed = {finding.tensor for finding in found}
    writers = _tensor_of_constant(lite.model)
    for name, what in parameters.differences(lite.plan, onnx.plan):
        tensor = writers.get(name, name)
        if tensor in blamed:
            continue
        blamed.add(tensor)
        yield Finding(
            tensor,
            _worse(tensor, measured),
            "parameters",
            f"the two int8 files hold {name} differently: {what} (int8.tflite against int8.onnx)",
            "export the net again; both files come from one plan",
        )


def _worse(tensor: str, measured: Mapping[str, Measured]) -> str:
    """The file whose own error at the tensor is larger."""
    noise = {
        name: found.own[tensor].total.sqnr_db
        for name, found in measured.items()
        if tensor in found.own
    }
    return min(noise, key=lambda name: noise[name], default="int8.tflite")


def _tensor_of_constant(model: ir.Model) -> dict[str, str]:
    """The tensor a layer writes, by the names of its weight and bias."""
    found = {}
    for node in model.graph:
        layer = layer_of(node)
        for value in () if layer is None else (layer.weight, layer.bias):
            if value is not None:
                found[name_of(value)] = name_of(written_output(node))
    return found


def _tensors(
    model: ir.Model, stage: float_files.FloatStage, measured: Mapping[str, Measured]
) -> Iterator[TensorDiagnosis]:
    equalizable = {name for group in channel_groups(model) for name in group.tensors}
    for target in targets(model):
        name = target.name
        totals = {"tflite": stage.noise[name].sqnr_db} if name in stage.noise else {}
        own: dict[str, OwnError] = {}
        seen: Distribution | None = None
        repairs: tuple[Repair, ...] = ()
        for artifact, found in measured.items():
            if name in found.weights_only:
                totals.setdefault("weights", found.weights_only[name].sqnr_db)
            if name in found.totals:
                totals[artifact] = found.totals[name].sqnr_db
            if name in found.own:
                own[artifact] = found.own_error(name)
            if seen is None and name in found.own:
                seen = distribution(found.statistics[name])
                errors = found.own[name]
                repairs = found.grids[name].repairs(
                    errors.total,
                    errors.mean_share,
                    equalizable=name in equalizable,
                    upstream=_upstream(target.producer, found, equalizable),
                )
        op_type = "input" if target.producer is None else target.producer.op_type
        yield TensorDiagnosis(name, op_type, totals, own, seen, repairs)


def _upstream(
    node: ir.Node | None, found: Measured, equalizable: Collection[str]
) -> Upstream | None:
    """What could be done about the one input of an operator."""
    reads = [] if node is None else [name_of(value) for _, value in activation_inputs(node)]
    if len(reads) != 1 or reads[0] not in found.grids:
        return None
    return found.grids[reads[0]].as_upstream(reads[0], equalizable=reads[0] in equalizable)


def _ordered(model: ir.Model, findings: list[Finding]) -> list[Finding]:
    """The first tensor first; at one tensor, what is certain before what is measured."""
    found = targets(model)
    place = {target.name: index for index, target in enumerate(found)}
    layers = {t.name: t.producer.name or "" for t in found if t.producer is not None}
    unique = {
        (f.tensor, f.artifact, f.kind): replace(f, layer=layers.get(f.tensor, ""))
        for f in reversed(findings)
    }
    return sorted(
        unique.values(),
        key=lambda f: (place.get(f.tensor, len(place)), _WEIGHT_OF_KIND[f.kind], f.artifact),
    )


def _notes(artifacts: Mapping[str, Path], *, of_its_kind: bool) -> Iterator[str]:
    if not of_its_kind:
        yield (
            "the photos are edgeconv's own, of another kind than those the net was calibrated on: "
            "what they lose on its grids, the app's photos need not; with --golden-from-calib the "
            "bundle holds photos of your folder"
        )
    if "tflite" not in artifacts:
        yield "no float TFLite file: that stage was left out"
    missing = [name for name in _INT8 if name not in artifacts]
    if missing:
        yield f"no {' and no '.join(missing)}: not judged"
