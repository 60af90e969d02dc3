"""What each tool is asked for a row, and what is kept of its answer."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import environment
from _process import ROOT

from rows.limited import Ended, Limits, Warm, limited
from rows.verdicts import COLUMNS, File

_HERE = Path(__file__).resolve().parent
_OTHERS = _HERE.parent / "others"
#: Of a log, what is kept: refusals and the ends of tracebacks.
_KEPT = 3000
_ONNX2TF_FILES = {
    "tflite": "model_float32.tflite",
    "int8.tflite": "model_full_integer_quant.tflite",
}
#: What the commands of a row import, libraries of nets aside.
_IMPORTED = ("torch", "onnxruntime", "ai_edge_litert.interpreter", "edgeconv.export.pipeline")
#: In a row's folder: every tool's files that run, as TOOL/model.COLUMN.
MADE = "made"
_OWN = threading.local()
_LITERT_FILES = {"tflite": "model.tflite", "int8.tflite": "model.int8.tflite"}


def prepare(row: str, folder: Path, limits: Limits) -> Ended:
    """Photos, inputs and PyTorch's outputs, in the row's folder."""
    return _script("inputs.py", row, folder, limits)


def edgeconv(row: str, folder: Path, options: Sequence[str], limits: Limits) -> dict[str, Any]:
    """`edgeconv export --int8` into one bundle; what it refuses whole is asked for in parts.

    A user who is refused takes the format or the precision that is left.
    """
    commands: dict[str, Ended] = {}
    files: dict[str, Path] = {}
    asked = [("onnx,tflite", True), ("onnx", True), ("tflite", True), ("onnx", False)]
    for formats, int8 in [*asked, ("tflite", False)]:
        wanted = [c for c in COLUMNS if c.rpartition(".")[2] in formats.split(",")]
        wanted = [c for c in wanted if int8 or "int8" not in c]
        if all(column in files for column in wanted):
            continue
        out = folder / f"bundle-{formats.replace(',', '-')}{'-int8' * int8}"
        ended = _export(row, folder, out, formats, int8, options, limits)
        for column in wanted:
            if column in files:
                continue
            commands[column] = ended
            if (path := out / f"model.{column}").is_file():
                files[column] = path
    told = {column: _told(ended) for column, ended in commands.items()}
    return {"commands": told, "files": _checked("edgeconv", files, folder, limits)}


def litert(row: str, folder: Path, limits: Limits) -> dict[str, Any]:
    """litert-torch with ai-edge-quantizer."""
    command = [environment.python("coverage"), _HERE / "chain_litert.py", row, folder]
    ended = limited(command, folder / "chain_litert.txt", _variables(), limits)
    return _peer("litert", ended, _LITERT_FILES, folder, limits)


def onnx2tf(row: str, folder: Path, limits: Limits) -> dict[str, Any]:
    """torch.onnx, onnxsim, onnx2tf."""
    ended = _script("exported_onnx.py", row, folder, limits)
    out = folder / "onnx2tf"
    if ended.code == 0:
        command = [environment.python("onnx2tf"), _OTHERS / "run_onnx2tf.py"]
        command += [out / "model.onnx", out]
        ended = limited(command, folder / "onnx2tf.txt", os.environ, limits)
    return _peer("onnx2tf", ended, _ONNX2TF_FILES, folder, limits)


def _peer(
    tool: str, ended: Ended, names: dict[str, str], folder: Path, limits: Limits
) -> dict[str, Any]:
    made = {column: folder / tool / name for column, name in names.items()}
    files = {column: path for column, path in made.items() if path.is_file()}
    return {"command": _told(ended), "files": _checked(tool, files, folder, limits)}


def _export(
    row: str,
    folder: Path,
    out: Path,
    formats: str,
    int8: bool,
    options: Sequence[str],
    limits: Limits,
) -> Ended:
    command = ["-m", "edgeconv", "export", f"{_HERE / 'build.py'}:build"]
    command += ["--net-option", f"row={row}", "--format", formats, "--out", out]
    if int8:
        command += ["--int8", "--calib", folder / "calibration", *options]
    return _warm().limited(command, folder / f"{out.name}.txt", limits)


def _script(name: str, row: str, folder: Path, limits: Limits) -> Ended:
    return _warm().limited([_HERE / name, row, folder], folder / f"{name}.txt", limits)


def _warm() -> Warm:
    """This thread's interpreter."""
    if not hasattr(_OWN, "warm"):
        _OWN.warm = Warm(environment.python("coverage"), _IMPORTED, _variables())
    warm: Warm = _OWN.warm
    return warm


def _checked(tool: str, files: dict[str, Path], folder: Path, limits: Limits) -> dict[str, Any]:
    place = emptied(folder / MADE / tool)
    found = {column: _check(path, folder, limits) for column, path in files.items()}
    for column, file in found.items():
        if file.figures:
            os.link(files[column], place / f"model.{column}")
    return {column: asdict(file) for column, file in found.items()}


def _check(path: Path, folder: Path, limits: Limits) -> File:
    """Run in a child: an engine may crash over another tool's file."""
    command = [_HERE / "check.py", folder, path]
    ended = _warm().limited(command, folder / "check.txt", limits)
    sizes = _sizes(path)
    if ended.code != 0:
        return File(error=_told(ended)["log"][-500:], **sizes)
    return File(figures=json.loads(ended.log.strip().splitlines()[-1]), **sizes)


def _sizes(path: Path) -> dict[str, int]:
    from edgeconv.errors import EdgeconvError
    from edgeconv.files.read import read_operations

    try:
        found = read_operations(path)
    except EdgeconvError:
        return {}
    return {"layout_changes": found.layout_changes, "operators": len(found.operations)}


def _told(ended: Ended) -> dict[str, Any]:
    return {"code": ended.code, "log": ended.log[-_KEPT:]}


def _variables() -> dict[str, str]:
    paths = os.pathsep.join((str(ROOT), str(_HERE.parent)))
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}


def emptied(folder: Path) -> Path:
    """The folder, with nothing of an earlier run in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
