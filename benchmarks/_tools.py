"""The commands that are compared: edgeconv's, and those of the other tools' chains."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import environment
from _data import Subject
from _process import Cost, run

CHAINS = Path(__file__).resolve().parent / "others"
EDGECONV_FILES = ("model.onnx", "model.tflite", "model.int8.onnx", "model.int8.tflite")

Command = list[str | Path]


def edgeconv_command(subject: Subject, out: Path, extra: Sequence[str]) -> Command:
    """`edgeconv export --int8`, all four files, with its parity checks."""
    command: Command = [sys.executable, "-m", "edgeconv", "export", subject.net, "--int8"]
    command += ["--weights", subject.weights, "--calib", subject.calib]
    return [*command, "--calib-samples", str(photo_count(subject)), *extra, "--out", out]


def chain_command(chain: str, subject: Subject, out: Path) -> Command:
    """A chain of other tools: "onnxruntime" or "litert"."""
    script = CHAINS / f"chain_{chain}.py"
    command: Command = [environment.python("others"), script, "--net", subject.net]
    return [*command, "--weights", subject.weights, "--calib", subject.calib, "--out", out]


def photo_count(subject: Subject) -> int:
    """How many files the calibration folder holds: every tool gets all of them."""
    return sum(path.is_file() for path in subject.calib.iterdir())


def export(subject: Subject, out: Path, extra: Sequence[str]) -> tuple[Path, Cost]:
    """Runs edgeconv's export into the empty folder `out`; gives the bundle's folder."""
    cost = run(edgeconv_command(subject, out / "bundle", extra), out / "edgeconv.log")
    (manifest,) = out.rglob("manifest.json")
    missing = [name for name in EDGECONV_FILES if not (manifest.parent / name).is_file()]
    if missing:
        raise SystemExit(f"edgeconv export wrote no {', '.join(missing)}")
    return manifest.parent, cost


def chain_files(chain: str, subject: Subject) -> Path:
    """The folder with a chain's files, made once for the same net, weights, photos and tools."""

    def build(out: Path) -> None:
        run(chain_command(chain, subject, out), out / "log.txt")

    made_by = [CHAINS / f"chain_{chain}.py", CHAINS / "inputs.py"]
    return _cached(chain, subject, [*made_by, environment.requirements("others")], build)


def onnx2tf_files(subject: Subject) -> Path:
    """The folder with onnx2tf's model_float32.tflite, model_full_integer_quant.tflite, and more."""
    source = chain_files("onnxruntime", subject)

    def build(out: Path) -> None:
        prepare: Command = [environment.python("others"), CHAINS / "onnx2tf_inputs.py"]
        prepare += ["--net", subject.net, "--weights", subject.weights]
        run([*prepare, "--calib", subject.calib, "--out", out], out / "inputs.txt")
        convert = [environment.python("onnx2tf"), CHAINS / "run_onnx2tf.py", source / "model.onnx"]
        run([*convert, out], out / "log.txt")
        (out / "calibration.npy").unlink()

    made_by = [CHAINS / "onnx2tf_inputs.py", CHAINS / "run_onnx2tf.py", source / "model.onnx"]
    return _cached("onnx2tf", subject, [*made_by, environment.requirements("onnx2tf")], build)


def _cached(
    tool: str, subject: Subject, made_by: Sequence[Path], build: Callable[[Path], None]
) -> Path:
    """`build`'s folder for exactly these inputs; a build that is cut off leaves nothing there."""
    environment.python("others")
    models = environment.folder("others") / "models"
    target = models / f"{subject.net}-{tool}-{_digest(subject, made_by)}"
    if not target.is_dir():
        print(f"making {tool}'s files of {subject.net} ...", file=sys.stderr, flush=True)
        models.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=models) as scratch:
            out = Path(scratch) / "out"
            out.mkdir()
            build(out)
            shutil.move(out, target)
    return target


def _digest(subject: Subject, made_by: Sequence[Path]) -> str:
    photos = [(path.name, path.stat().st_size) for path in sorted(subject.calib.iterdir())]
    digest = hashlib.sha256(json.dumps(photos).encode())
    for path in (subject.weights, *made_by):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
