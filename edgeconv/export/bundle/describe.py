"""The manifest's content: what was exported, from what, how to feed it, and how well it agrees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from edgeconv.bundle import artifacts, labels, manifest, quantization
from edgeconv.data.formula import Io, describe_input, describe_tensor
from edgeconv.data.inputs import Intake
from edgeconv.export.bundle.verdict import Verdict
from edgeconv.export.front_ends import ModelFile, hindrances
from edgeconv.export.options import ExportOptions
from edgeconv.export.probabilities import gives_probabilities
from edgeconv.export.quantized import QuantizedNet
from edgeconv.export.sources.source import Source
from edgeconv.graph.metrics import depth, multiply_adds
from edgeconv.graph.view import name_of, shape_of
from edgeconv.installed import own_version
from edgeconv.quantize.plan.precision import PRECISIONS
from edgeconv.runtime.open import open_session
from edgeconv.runtime.session import TensorSpec
from edgeconv.verify.parity.output_parts import OutputParts
from edgeconv.verify.parity.stages import Interface

#: Packages whose version can change the bytes of a bundle.
_TOOLS = (
    "torch",
    "onnx",
    "onnx-ir",
    "onnxsim",
    "onnxruntime",
    "ai-edge-litert",
    "numpy",
    "pillow",
)


def describe(
    net: Source,
    model: ir.Model,
    options: ExportOptions,
    *,
    quantized: QuantizedNet | None,
    verdict: Verdict,
    parts: Mapping[str, OutputParts],
    directory: Path,
) -> dict[str, Any]:
    """The manifest of a bundle whose files all stand in `directory`; what an app needs, first."""
    known, told = net.intake.preprocessing, verdict.report.interfaces
    document: dict[str, Any] = {
        "format": manifest.FORM.number,
        "net": {
            "name": net.name,
            "options": dict(net.net_options),
            "features": options.features,
            "parameters": net.parameters,
            "multiply_adds": multiply_adds(model),
            "depth": depth(model),
        },
        "preprocessing": None if known is None else known.to_json(),
        "artifacts": {
            short: {
                "file": path.name,
                **_ends(short, told.get(short) or interface_of(path), net.intake),
                **_computes(short),
            }
            for short, path in artifacts.present(directory).items()
        },
        "labels": labels.FILE_NAME if (directory / labels.FILE_NAME).exists() else None,
        "golden": asdict(verdict.golden),
        "graph": {
            "inputs": {name_of(v): list(shape_of(v)) for v in model.graph.inputs},
            "outputs": {name_of(v): list(shape_of(v)) for v in model.graph.outputs},
            "parts": {name: part.to_json() for name, part in parts.items()},
            "probabilities": gives_probabilities(model),
        },
        "weights": {
            "kind": net.weights.kind,
            "source": net.weights.source,
            "sha256": net.weights.sha256,
            "license": net.weights.license,
            "trained": net.trained,
        },
        "parity": {**verdict.to_json(), "thresholds": asdict(options.thresholds)},
        "tools": {"edgeconv": own_version(), **{tool: version(tool) for tool in _TOOLS}},
    }
    if quantized is not None:
        document["quantization"] = _quantization(quantized, options)
    return {**document, "files": manifest.file_table(directory)}


def _quantization(quantized: QuantizedNet, options: ExportOptions) -> dict[str, Any]:
    """What was done to make the net int8."""
    whole, mixed, calibration = quantized.whole, quantized.mixed, quantized.calibration
    return {
        "recipe": {"name": options.recipe, "steps": [step.to_json() for step in whole.steps]},
        "mixed_precision": None if mixed is None else mixed.to_json(),
        "io": options.io,
        "calibration": {"source": calibration.source, "photos": calibration.count},
        "outputs_apart": quantized.apart.to_json(),
        "details": quantization.FILE_NAME,
    }


def interface_of(path: Path) -> Interface:
    """A file's inputs and outputs, as its engine tells them."""
    session = open_session(path)
    return Interface(session.inputs, session.outputs)


def _ends(short: str, told: Interface, intake: Intake) -> dict[str, Any]:
    """What a model file takes and gives, and the recipe from a photo or tensors to its inputs."""
    return {
        "inputs": [_tensor(spec) for spec in told.inputs],
        "outputs": [_tensor(spec) for spec in told.outputs],
        "recipe": _recipe(short, told.inputs, intake),
        **_opened_by(ModelFile(short, told, intake.preprocessing)),
    }


def _opened_by(file: ModelFile) -> dict[str, Any]:
    """What opens a file beside its engine, and what stands in the way of the others."""
    found = hindrances(file)
    return {
        "opens_in": [name for name, why in found.items() if why is None],
        "does_not_open_in": {name: why for name, why in found.items() if why is not None},
    }


def _recipe(short: str, inputs: Sequence[TensorSpec], intake: Intake) -> list[str]:
    if intake.preprocessing is None:
        shapes = {spec.name: spec.shape for spec in intake.inputs}
        # A net's only input may have another name in the file.
        own = [shapes.get(taken.name, intake.inputs[0].shape) for taken in inputs]
        is_nhwc = short.endswith("tflite")
        return [
            describe_tensor(
                *(taken.name, shape, taken.shape),
                is_nhwc=is_nhwc,
                scale=taken.scale,
                zero_point=taken.zero_point,
            )
            for taken, shape in zip(inputs, own, strict=True)
        ]
    taken = inputs[0]
    io: Io = "float32"
    if taken.dtype != np.float32:
        io = "uint8" if taken.dtype == np.uint8 else "int8"
    return describe_input(intake.preprocessing, io, taken.scale, taken.zero_point).splitlines()


def _computes(short: str) -> dict[str, Any]:
    """In which precision a file is stored, and what its engine really computes."""
    name = artifacts.precision_of(short)
    if name is None:
        return {"precision": "float32", "computes": "float32"}
    return {"precision": name, "computes": PRECISIONS[name].computes[short.rpartition(".")[2]]}


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "shape": list(spec.shape),
        "dtype": spec.dtype.name,
        "scale": spec.scale,
        "zero_point": spec.zero_point,
    }
