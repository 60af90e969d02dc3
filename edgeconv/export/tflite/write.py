"""Writing .tflite files."""

from __future__ import annotations

from pathlib import Path

import onnx_ir as ir

from edgeconv.errors import OutputUnwritable
from edgeconv.export.tflite import flatbuffer, versions
from edgeconv.export.tflite.convert import Io, convert
from edgeconv.export.tflite.metadata import TfliteMetadata
from edgeconv.export.tflite.program import Program
from edgeconv.quantize.plan import Plan


def write_float(model: ir.Model, path: Path, *, metadata: TfliteMetadata | None = None) -> None:
    """Writes a float32 .tflite file; see `float_bytes`.

    Raises:
        OutputUnwritable: the file cannot be written; nothing is left behind.
    """
    _write(path, float_bytes(model, metadata=metadata))


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
    _write(path, int8_bytes(model, plan, io=io, metadata=metadata))


def float_bytes(model: ir.Model, *, metadata: TfliteMetadata | None = None) -> memoryview:
    """A float32 .tflite file of a hub graph: tensors named as in the hub, images NHWC.

    Raises:
        UnsupportedOperator: names every node TFLite cannot express, and why.
        NetRefused: a tensor has no static shape, or the file would pass 2 GiB.
    """
    return _pack(convert(model, None), metadata)


def int8_bytes(
    model: ir.Model, plan: Plan, *, io: Io = "int8", metadata: TfliteMetadata | None = None
) -> memoryview:
    """An int8 .tflite file of a hub graph under a plan.

    Args:
        model: the hub graph.
        plan: its quantization.
        io: type of the inputs and outputs; under "uint8" and "float32" a conversion stands inside.
        metadata: what the file says about itself.

    Raises:
        UnsupportedOperator: names every node TFLite cannot express, and why.
        PlanRefused: the plan breaks a rule of the runtimes; names every tensor that does.
        NetRefused: a tensor has no static shape, or the file would pass 2 GiB.
    """
    return _pack(convert(model, plan, io), metadata)


def _pack(program: Program, metadata: TfliteMetadata | None) -> memoryview:
    blobs = {
        "min_runtime_version": versions.minimum_runtime(program.operators).encode().ljust(16, b"\0")
    }
    return flatbuffer.pack(program, description=program.name, metadata=blobs)


def _write(path: Path, data: memoryview) -> None:
    """Writes a file whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputUnwritable(f"cannot write {path}: {error.strerror}") from error
