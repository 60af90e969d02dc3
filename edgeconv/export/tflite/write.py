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


def write_float(model: ir.Model, path: Path, *, metadata: TfliteMetadata | None = None) -> None:
    """Writes a float32 .tflite file; see `float_bytes`.

    Raises:
        OutputUnwritable: the file cannot be written; nothing is left behind.
    """
    _write(path, _chunks(convert(model, None), metadata))


def write_int8(
    model: ir.Model,
    plan: Plan,
    path: Path,
    *,
    io: Io = "int8",
    metadata: TfliteMetadata | None = None,
) -> None:
    """Writes an int8 .tflite file; see `int8_bytes`.

    Raises:
        OutputUnwritable: the file cannot be written; nothing is left behind.
    """
    _write(path, _chunks(convert(model, plan, io), metadata))


def write_float16(model: ir.Model, path: Path, *, metadata: TfliteMetadata | None = None) -> None:
    """Writes a .tflite file with float16 constants. Raises as `write_float`."""
    _write(path, _chunks(stored_weights.in_float16(convert(model, None)), metadata))


def write_planned(
    model: ir.Model,
    precision: PrecisionName,
    plan: Plan,
    path: Path,
    *,
    metadata: TfliteMetadata | None = None,
) -> None:
    """Writes a .tflite file with a plan's integer weights, but not its int8 activations.

    Args:
        model: a graph on the reals that the plan's integer weights stand for.
        precision: "weight-only-int8", "dynamic-int8" or "int16x8".
        plan: integers of its weights; for int16x8 that of `quantize.int16.int16_plan`.
        path: of the file; its ends are float32.
        metadata: what the file says about itself.

    Raises:
        OutputUnwritable: the file cannot be written; nothing is left behind.
    """
    if precision == "int16x8":
        program = convert(model, plan, "float32")
    else:
        program = _STORED[precision](convert(model, None), plan)
    _write(path, _chunks(program, metadata))


_STORED: Mapping[PrecisionName, Callable[[Program, Plan], Program]] = {
    "weight-only-int8": stored_weights.with_int8_weights,
    "dynamic-int8": stored_weights.with_dynamic_int8,
}


def float_bytes(model: ir.Model, *, metadata: TfliteMetadata | None = None) -> bytes:
    """A float32 .tflite file of a hub graph: tensors named as in the hub, images NHWC.

    Args:
        model: the hub graph.
        metadata: what the file says about itself.

    Raises:
        UnsupportedOperator: names every node TFLite cannot express, and why.
        NetRefused: a tensor has no static shape, or the file would pass 2 GiB.
    """
    return b"".join(_chunks(convert(model, None), metadata))


def int8_bytes(
    model: ir.Model, plan: Plan, *, io: Io = "int8", metadata: TfliteMetadata | None = None
) -> bytes:
    """An int8 .tflite file of a hub graph under a plan.

    Args:
        model: the hub graph.
        plan: its quantization.
        io: type of the inputs and outputs; under "uint8" and "float32" the file converts at its
            ends, and the int8 tensors behind are called `NAME/int8`.
        metadata: what the file says about itself.

    Raises:
        UnsupportedOperator: names every node TFLite cannot express, and why.
        PlanRefused: the plan breaks a rule of the runtimes.
        NetRefused: a tensor has no static shape, or the file would pass 2 GiB.
    """
    return b"".join(_chunks(convert(model, plan, io), metadata))


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


def _write(path: Path, chunks: Chunks) -> None:
    with written_whole(path) as part, part.open("wb") as file:
        file.writelines(chunks)
