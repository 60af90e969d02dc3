"""The two float files against each other and against the reference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.files.tflite.file import read
from edgeconv.files.tflite.named_tensors import named_tensors
from edgeconv.graph.fusion import written_output
from edgeconv.graph.view import name_of, require_constant
from edgeconv.quantize.observe.targets import targets
from edgeconv.quantize.plan.weights import layer_of
from edgeconv.runtime.adapt import Samples
from edgeconv.verify.diagnose.diagnosis import Finding
from edgeconv.verify.diagnose.hub import constant_in_hub_order, initializers_read, with_constants
from edgeconv.verify.diagnose.noise import Noise
from edgeconv.verify.diagnose.runs import FloatGraph, TfliteTensors, Values
from edgeconv.verify.thresholds import DIAGNOSIS

_REMEDY = "export the net again"


@dataclass(eq=False)
class FloatStage:
    """What the float files give.

    Attributes:
        errors: of the TFLite file's tensors against the ONNX file's, relative to the largest value.
        noise: the same as signal and noise.
        outputs: error of each file's outputs against the reference, by file.
    """

    errors: dict[str, float] = field(default_factory=dict)
    noise: dict[str, Noise] = field(default_factory=dict)
    outputs: dict[str, float] = field(default_factory=dict)

    @property
    def truth(self) -> str:
        """The file that gives the reference's outputs: ONNX unless TFLite alone does."""
        onnx, tflite = self.outputs["onnx"], self.outputs.get("tflite", np.inf)
        return "tflite" if onnx > DIAGNOSIS.float_error >= tflite else "onnx"


def run(
    model: ir.Model,
    tflite: Path | None,
    photos: Iterable[Samples],
    references: Mapping[str, NDArray[np.float32]],
) -> FloatStage:
    """Compares every tensor of both files on the photos."""
    stage, graph = FloatStage(), FloatGraph(model)
    lite = None if tflite is None else TfliteTensors(tflite, model)
    start = 0
    for images in photos:
        wanted = {name: array[start : start + len(images)] for name, array in references.items()}
        start += len(images)
        exact = graph.run(images)
        _outputs(stage, "onnx", model, exact, wanted)
        if lite is not None:
            other = lite.run(images)
            _outputs(stage, "tflite", model, other, wanted)
            _tensors(stage, exact, other)
    return stage


def findings(model: ir.Model, stage: FloatStage, tflite: Path | None) -> Iterator[Finding]:
    """The first tensor at which the float files part, and outputs that are not the reference's."""
    truth = stage.truth
    blamed = "onnx" if truth == "tflite" else "tflite"
    different = _different_constants(model, tflite) if tflite is not None else {}
    for target in targets(model):
        error = stage.errors.get(target.name, 0.0)
        if error > DIAGNOSIS.float_error or np.isnan(error):
            what = different.get(target.name, "its constants are the same, its operator is not")
            yield Finding(
                target.name,
                blamed,
                "float",
                f"the float files part here: {error:.1%} of the largest value ({what})",
                _REMEDY,
            )
            return
    if stage.outputs[truth] > DIAGNOSIS.float_error:
        worst = stage.outputs[truth]
        yield Finding(
            name_of(model.graph.outputs[0]),
            truth,
            "output",
            f"the float files give other outputs than the reference ({worst:.1%} of the largest), "
            "alike in every tensor: they were made from another net or other weights",
            _REMEDY,
        )


def true_graph(model: ir.Model, stage: FloatStage, tflite: Path | None) -> ir.Model:
    """The graph of the ONNX file, with the TFLite file's constants where those are the truth."""
    if stage.truth == "onnx" or tflite is None:
        return model
    held = named_tensors(read(tflite))
    constants = {}
    for name, (node, index) in initializers_read(model).items():
        tensor = held.get(name)
        if tensor is None or tensor.data is None:
            continue
        array = constant_in_hub_order(node, index, tensor.data)
        if array is not None:
            constants[name] = array
    return with_constants(model, constants)


def _different_constants(model: ir.Model, tflite: Path) -> dict[str, str]:
    """Tensors whose layer holds other weights in the two files, and which."""
    held = named_tensors(read(tflite))
    found = {}
    for node in model.graph:
        layer = layer_of(node)
        if layer is None:
            continue
        for index, value in ((1, layer.weight), (2, layer.bias)):
            tensor = None if value is None else held.get(name_of(value))
            if value is None or tensor is None or tensor.data is None:
                continue
            mine = require_constant(node, index)
            other = constant_in_hub_order(node, index, tensor.data)
            if other is None or not np.allclose(mine, other, rtol=1e-5, atol=1e-8):
                found[name_of(written_output(node))] = f"{name_of(value)} differs"
                break
    return found


def _outputs(
    stage: FloatStage,
    artifact: str,
    model: ir.Model,
    held: Values,
    wanted: Mapping[str, NDArray[np.float32]],
) -> None:
    for value in model.graph.outputs:
        name = name_of(value)
        if name in held and name in wanted:
            error = _relative(wanted[name], held[name])
            stage.outputs[artifact] = max(stage.outputs.get(artifact, 0.0), error)
    stage.outputs.setdefault(artifact, 0.0)


def _tensors(stage: FloatStage, exact: Values, other: Values) -> None:
    for name, array in exact.items():
        if name in other and other[name].dtype == np.float32:
            error = _relative(array, other[name])
            stage.errors[name] = max(stage.errors.get(name, 0.0), error)
            stage.noise.setdefault(name, Noise()).add(array, other[name])


def _relative(exact: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    largest = float(np.abs(exact).max(initial=0))
    error = float(np.abs(exact - other).max(initial=0))
    return error / largest if largest else (0.0 if error == 0 else np.inf)
