"""Writes the model files of a bundle, with what each of them carries about itself."""

from __future__ import annotations

import json
from pathlib import Path

import onnx_ir as ir

from edgeconv.bundle.artifacts import FILES
from edgeconv.bundle.identity import Identity
from edgeconv.data.formula import Io
from edgeconv.export import tflite
from edgeconv.export.onnx import write as onnx_writer
from edgeconv.export.options import Format
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.precision import PrecisionName


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
    in half precision. With `io="uint8"` the model takes pixels (`export.pixels`).
    """
    prefix = "" if precision is None else f"{precision}."
    if "onnx" in formats:
        path, entries = directory / FILES[f"{prefix}onnx"], identity.onnx_metadata()
        onnx_writer.write(model, path, precision, plan, io=io, metadata=entries)
    if "tflite" in formats:
        path = directory / FILES[f"{prefix}tflite"]
        about = _tflite_metadata(identity, raw_pixels=io == "uint8", half_precision=half_precision)
        tflite.write(model, path, precision, plan, io=io, metadata=about)


def _tflite_metadata(
    told: Identity, *, raw_pixels: bool = False, half_precision: bool = False
) -> tflite.TfliteMetadata:
    """The metadata of a TFLite file; one that takes raw pixels asks for no normalization."""
    known = told.preprocessing
    normalization = None
    if known is not None:
        scaled = tuple(tuple(255 * v for v in values) for values in (known.mean, known.std))
        normalization = ((0.0,), (1.0,)) if raw_pixels else (scaled[0], scaled[1])
    return tflite.TfliteMetadata(
        name=told.net,
        normalization=normalization,
        labels=told.labels,
        license=told.license,
        extra=json.dumps(told.onnx_metadata(), sort_keys=True, ensure_ascii=False),
        half_precision=half_precision,
    )
