"""Is a file really int8, and will it run as such? For the files of any tool.

audit(path) -> the share of the work in int8, and findings, the gravest first
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edgeconv.errors import UsageError
from edgeconv.files.memory import float_islands
from edgeconv.files.operations import FLOATS, ModelOperations, Operation
from edgeconv.files.read import read_operations
from edgeconv.files.tflite.builtins.table import builtin
from edgeconv.verify.audit import onnx_file, tflite_file
from edgeconv.verify.audit.findings import Audit, AuditFinding, Severity

_ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}


def audit(path: Path) -> Audit:
    """Everything that keeps a file from being int8 where it runs.

    Raises:
        UsageError: it is neither an .onnx nor a .tflite file, or does not exist.
        ArtifactRefused: it is damaged.
    """
    if not path.exists():
        raise UsageError(f"{path} does not exist; give a .onnx or .tflite file of any tool")
    if path.suffix not in (".onnx", ".tflite") or not path.is_file():
        raise UsageError(f"{path} is no .onnx or .tflite file; audit takes one of any tool")
    operations = read_operations(path)
    findings = list(_common(operations))
    findings += (onnx_file if path.suffix == ".onnx" else tflite_file).findings(path)
    findings.sort(key=lambda finding: _ORDER[finding.severity])
    islands = tuple(tuple(o.name for o in group) for group in float_islands(operations))
    return Audit(operations, islands, tuple(findings))


def _common(operations: ModelOperations) -> Iterator[AuditFinding]:
    """What both formats share."""
    wide = [o.name for o in operations.operations if o.multiply_adds and _is_16_bit(o)]
    if wide:
        yield AuditFinding(
            "warning",
            "16-bit activations",
            f"{len(wide)} convolutions and matrix products read and write 16-bit integers; "
            "XNNPACK and onnxruntime have no kernels for those",
            tuple(wide),
            "int8 throughout is faster wherever it is accurate enough",
        )
    elif operations.int8_share == 0:
        yield AuditFinding(
            "warning",
            "float file",
            "no convolution or matrix product reads and writes 8-bit integers",
            (),
            "quantize weights and activations: edgeconv export NET --int8",
        )
    if operations.int8_share == 0:
        return
    for group in float_islands(operations):
        yield _island(group, operations.multiply_adds)
    changes = [o.name for o in operations.operations if o.kind == "transpose"]
    if changes:
        yield AuditFinding(
            "note" if len(changes) < 3 else "warning",
            "layout changes",
            f"{len(changes)} operators only reorder memory",
            tuple(changes),
            "convert with a tool that keeps one layout throughout; a permutation next to a "
            "convolution can be folded into its weights",
        )
    ends = [e.name for e in (*operations.inputs, *operations.outputs) if e.dtype in FLOATS]
    if ends:
        yield AuditFinding(
            "note",
            "float ends",
            "float inputs or outputs: the file converts at its ends, on every call",
            tuple(ends),
            "feed integers (edgeconv export --io int8 or uint8) where the device has no float unit",
        )


def _is_16_bit(operation: Operation) -> bool:
    return bool(operation.activation_dtypes) and operation.activation_dtypes <= {"int16", "uint16"}


def _island(group: tuple[Operation, ...], total: int) -> AuditFinding:
    work = sum(operation.multiply_adds for operation in group)
    share = work / total if total else 0.0
    types = ", ".join(sorted({operation.type for operation in group}))
    names = tuple(operation.name for operation in group)
    if all(operation.is_move for operation in group):
        return AuditFinding(
            "note",
            "joined in float",
            f"{types} in float: what they join or move is not rounded to one scale",
            names,
            "right where parts of unlike range become one output; else give them one scale",
        )
    if all(builtin(operation.type).faster_in_float for operation in group):
        return AuditFinding(
            "note",
            "float for speed",
            f"{types} in float between integers: XNNPACK runs that, and not its int8 form",
            names,
            "right on a CPU; a device without a float unit needs other operators",
        )
    return AuditFinding(
        "error" if share > 0.01 else "warning",
        "float island",
        f"{types} in float between integers, {share:.1%} of the multiply-adds",
        names,
        "quantize them too, or replace them by operators with an int8 kernel",
    )
