"""Writing .tflite files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import onnx_ir as ir

from edgeconv.data.formula import Io
from edgeconv.disk import written_whole
from edgeconv.export.tflite import flatbuffer, stored_weights, versions
from edgeconv.export.tflite import metadata as about
from edgeconv.export.tflite.convert import convert
from edgeconv.export.tflite.metadata import TfliteMetadata
from edgeconv.export.tflite.program import Program
from edgeconv.files.tflite.tensor_order import blobs_of
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.precision import PrecisionName

Chunks = Sequence[bytes | memoryview]

#: TFLite's tools overwrite this blob in place, so it has a fixed size.
_RUNTIME_VERSION_SIZE = 16


def write(
    model: ir.Model,
    path: Path,
    precision: PrecisionName | None = None,
    plan: Plan | None = None,
    *,
    io: Io = "int8",
    metadata: TfliteMetadata | None = None,
) -> None:
    """Writes a .tflite file of a hub graph in a precision, None for float32.

    Its tensors are named as in the hub, its images are NHWC.

    Args:
        model: the hub graph; for the precisions between float16 and int8 one on the reals that the
            plan's integer weights stand for.
        path: of the file.
        precision: of its weights and activations.
        plan: its quantization; for int16x8 that of `quantize.plan.int16`.
        io: type of the inputs and outputs of an int8 file; under "uint8" and "float32" it converts
            at its ends, and the int8 tensors behind are called `NAME/int8`. Float32 and float16
            files take uint8 under "uint8", by a CAST; all else has float32 ends.
        metadata: what the file says about itself.

    Raises:
        UnsupportedOperator: names every node TFLite cannot express, and why.
        PlanRefused: the plan breaks a rule of the runtimes.
        NetRefused: a tensor has no static shape, or the file would pass 2 GiB.
        OutputUnwritable: the file cannot be written; nothing is left behind.
    """
    chunks = _chunks(_program(model, precision, plan, io), metadata)
    with written_whole(path) as part, part.open("wb") as file:
        file.writelines(chunks)


def _program(
    model: ir.Model, precision: PrecisionName | None, plan: Plan | None, io: Io
) -> Program:
    if precision is None:
        return convert(model, None, io)
    if precision == "float16":
        return stored_weights.in_float16(convert(model, None, io))
    if plan is None:
        raise ValueError(f"a file in {precision} is written by a plan")
    if precision in _STORED:
        return _STORED[precision](convert(model, None), plan)
    return convert(model, plan, io if precision == "int8" else "float32")


_STORED: Mapping[PrecisionName, Callable[[Program, Plan], Program]] = {
    "weight-only-int8": stored_weights.with_int8_weights,
    "dynamic-int8": stored_weights.with_dynamic_int8,
}


def _chunks(program: Program, metadata: TfliteMetadata | None) -> Chunks:
    """A file's bytes in pieces, so that a large model is not copied to be put together."""
    runtime = versions.minimum_runtime(program.operators).encode()
    blobs = {"min_runtime_version": runtime.ljust(_RUNTIME_VERSION_SIZE, b"\0")}
    blobs |= blobs_of(program.unusual)
    if metadata is None:
        return [flatbuffer.pack(program, description=program.name, blobs=blobs)]
    blobs |= about.blobs(metadata, program)
    packed = flatbuffer.pack(program, description=metadata.name, blobs=blobs)
    return [packed, about.appendix(metadata, len(packed))]
