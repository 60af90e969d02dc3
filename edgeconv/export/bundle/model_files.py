"""Writes the model files of a bundle, with what each of them carries about itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import onnx_ir as ir

from edgeconv.bundle.artifacts import FILES
from edgeconv.data.formula import Io
from edgeconv.data.preprocessing import Preprocessing
from edgeconv.export import tflite
from edgeconv.export.onnx import write as onnx_writer
from edgeconv.export.options import Format
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.precision import PrecisionName


@dataclass(frozen=True)
class Identity:
    """What a model file says of itself, so that it can be used apart from its bundle.

    Attributes:
        net: the net's name.
        preprocessing: how a photo becomes the input of the float net; None where that is not known.
        labels: the classes' names in the order of the outputs, None where they are not known.
        license: of the weights, None where it is not known.
        trained: whether the weights were trained.
    """

    net: str
    preprocessing: Preprocessing | None
    labels: tuple[str, ...] | None
    license: str | None
    trained: bool

    def onnx_metadata(self) -> dict[str, str]:
        """The entries of an ONNX file's `metadata_props`."""
        entries = {
            "edgeconv.net": self.net,
            "edgeconv.trained": json.dumps(self.trained),
        }
        if self.preprocessing is not None:
            told = json.dumps(self.preprocessing.to_json(), sort_keys=True)
            entries["edgeconv.preprocessing"] = told
        if self.labels is not None:
            entries["edgeconv.labels"] = json.dumps(self.labels, ensure_ascii=False)
        if self.license is not None:
            entries["edgeconv.license"] = self.license
        return entries

    def tflite_metadata(
        self, *, raw_pixels: bool = False, half_precision: bool = False
    ) -> tflite.TfliteMetadata:
        """The metadata of a TFLite file; one that takes raw pixels asks for no normalization."""
        known = self.preprocessing
        normalization = None
        if known is not None:
            scaled = tuple(tuple(255 * v for v in values) for values in (known.mean, known.std))
            normalization = ((0.0,), (1.0,)) if raw_pixels else (scaled[0], scaled[1])
        return tflite.TfliteMetadata(
            name=self.net,
            normalization=normalization,
            labels=self.labels,
            license=self.license,
            extra=json.dumps(self.onnx_metadata(), sort_keys=True, ensure_ascii=False),
            half_precision=half_precision,
        )


def write(
    model: ir.Model,
    directory: Path,
    formats: tuple[Format, ...],
    identity: Identity,
    precision: PrecisionName | None = None,
    plan: Plan | None = None,
    io: Io = "float32",
    *,
    half_precision: bool = False,
) -> None:
    """Writes the files of one precision, None for float32, in the formats asked for.

    All of them are from the same plan; arguments as the writers', and whether kernels may compute
    in half precision.
    """
    prefix = "" if precision is None else f"{precision}."
    if "onnx" in formats:
        path, entries = directory / FILES[f"{prefix}onnx"], identity.onnx_metadata()
        onnx_writer.write(model, path, precision, plan, io=io, metadata=entries)
    if "tflite" in formats:
        path = directory / FILES[f"{prefix}tflite"]
        about = identity.tflite_metadata(raw_pixels=io == "uint8", half_precision=half_precision)
        tflite.write(model, path, precision, plan, io=io, metadata=about)
