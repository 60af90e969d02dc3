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
from _process import Cost, run, together

CHAINS = Path(__file__).resolve().parent / "others"
EDGECONV_FILES = ("model.onnx", "model.tflite", "model.int8.onnx", "model.int8.tflite")

THRESHOLD_MISSED = 1
"""Exit code of an export whose bundle is written but misses a threshold."""

Command = list[str | Path]


def edgeconv_command(subject: Subject, out: Path, extra: Sequence[str]) -> Command:
    """`edgeconv export --int8`, all four files, with its parity checks."""
    command: Command = [sys.executable, "-m", "edgeconv", "export", subject.net, "--int8"]
    command += ["--weights", subject.weights, "--calib", subject.calib]
    return [*command, "--calib-samples", str(photo_count(subject)), *extra, "--out", out]


def chain_command(chain: str, subject: Subject, out: Path) -> Command:
    """A chain of other tools: "onnxruntime" or "litert"."""
    return _script(f"chain_{chain}.py", subject, out)


def photo_count(subject: Subject) -> int:
    """How many files the calibration folder holds: every tool gets all of them."""
    return sum(path.is_file() for path in subject.calib.iterdir())


def export(
    subject: Subject, out: Path, extra: Sequence[str], *, despite_parity: bool = False
) -> tuple[Path, Cost]:
    """Runs edgeconv's export into the empty folder `out`; gives the bundle's folder.

    A bundle that misses its parity thresholds ends the benchmark, unless `despite_parity`.
    """
    log, accepted = out / "edgeconv.log", (0, THRESHOLD_MISSED) if despite_parity else (0,)
    cost = run(edgeconv_command(subject, out / "bundle", extra), log, accepted)
    bundle = next((path.parent for path in out.rglob("manifest.json")), out)
    missing = [name for name in EDGECONV_FILES if not (bundle / name).is_file()]
    if missing:
        raise SystemExit(f"{log.read_text()}\nedgeconv export wrote no {', '.join(missing)}")
    return bundle, cost


def chain_files(chain: str, subject: Subject, models: Path | None = None) -> Path:
    """The folder with a chain's files, made once for the same net, weights, photos and tools.

    `models` is where such folders are kept, by default beside the tools' environment.
    """

    def build(out: Path) -> Cost:
        return run(chain_command(chain, subject, out), out / "log.txt")

    made_by = [CHAINS / f"chain_{chain}.py", CHAINS / "inputs.py"]
    return _cached(chain, subject, [*made_by, environment.requirements("others")], build, models)


def onnxruntime_files(
    subject: Subject, method: str, photos: int, models: Path | None = None
) -> Path:
    """The folder with model.int8.onnx of onnxruntime's quantizer, ranges by "entropy" or so.

    It starts at the simplified file that `chain_files` has, and sees `photos` photos.
    """
    source = chain_files("onnxruntime", subject, models) / "prepared.onnx"

    def build(out: Path) -> Cost:
        command = _script("quantize_onnxruntime.py", subject, out)
        command += ["--model", source, "--method", method, "--photos", str(photos)]
        return run(command, out / "log.txt")

    made_by = [CHAINS / "quantize_onnxruntime.py", CHAINS / "inputs.py", source]
    name = f"onnxruntime-{method}-{photos}"
    return _cached(name, subject, [*made_by, environment.requirements("others")], build, models)


def onnx2tf_files(subject: Subject, models: Path | None = None) -> Path:
    """The folder with onnx2tf's model_float32.tflite, model_full_integer_quant.tflite, and more."""
    source = chain_files("onnxruntime", subject, models)

    def build(out: Path) -> Cost:
        model = shutil.copyfile(source / "model.onnx", out / "model.onnx")  # it writes to its input
        convert = [environment.python("onnx2tf"), CHAINS / "run_onnx2tf.py", model, out]
        return _given_photos(subject, out, convert)

    made_by = [CHAINS / "onnx2tf_inputs.py", CHAINS / "run_onnx2tf.py", source / "model.onnx"]
    requirements = environment.requirements("onnx2tf")
    return _cached("onnx2tf", subject, [*made_by, requirements], build, models)


def tensorflow_files(subject: Subject, models: Path | None = None) -> Path:
    """The folder with model.int8.tflite of TensorFlow's converter, from onnx2tf's saved model."""
    source = onnx2tf_files(subject, models)

    def build(out: Path) -> Cost:
        convert = [environment.python("onnx2tf"), CHAINS / "run_tensorflow.py", source, out]
        return _given_photos(subject, out, convert)

    made_by = [CHAINS / "onnx2tf_inputs.py", CHAINS / "run_tensorflow.py"]
    made_by += [source / "saved_model.pb", environment.requirements("onnx2tf")]
    return _cached("tensorflow", subject, made_by, build, models)


def nncf_files(subject: Subject, models: Path | None = None) -> Path:
    """The folder with NNCF's model.int8.onnx, from the simplified file that `chain_files` has."""
    source = chain_files("onnxruntime", subject, models) / "prepared.onnx"

    def build(out: Path) -> Cost:
        quantize = [environment.python("nncf"), CHAINS / "run_nncf.py", source, out]
        return _given_photos(subject, out, quantize)

    made_by = [CHAINS / "onnx2tf_inputs.py", CHAINS / "run_nncf.py", source]
    return _cached("nncf", subject, [*made_by, environment.requirements("nncf")], build, models)


def cost_of(folder: Path) -> Cost | None:
    """What it took to make a kept folder, or None where nobody measured it."""
    path = folder / "cost.json"
    return Cost(**json.loads(path.read_text())) if path.is_file() else None


def _script(name: str, subject: Subject, out: Path) -> Command:
    command: Command = [environment.python("others"), CHAINS / name, "--net", subject.net]
    return [*command, "--weights", subject.weights, "--calib", subject.calib, "--out", out]


def _given_photos(subject: Subject, out: Path, command: Command) -> Cost:
    """Runs a tool of another environment, which reads the photos that lie in `out` meanwhile."""
    prepared = run(_script("onnx2tf_inputs.py", subject, out), out / "inputs.txt")
    done = run(command, out / "log.txt")
    (out / "calibration.npy").unlink()
    return together(prepared, done)


def _cached(
    tool: str,
    subject: Subject,
    made_by: Sequence[Path],
    build: Callable[[Path], Cost],
    models: Path | None,
) -> Path:
    """`build`'s folder for exactly these inputs; a build that is cut off leaves nothing there."""
    environment.python("others")
    models = models or environment.folder("others") / "models"
    target = models / f"{subject.title}-{tool}-{_digest(subject, made_by)}"
    if not target.is_dir():
        print(f"making {tool}'s files of {subject.title} ...", file=sys.stderr, flush=True)
        models.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=models) as scratch:
            out = Path(scratch) / "out"
            out.mkdir()
            cost = build(out)
            (out / "cost.json").write_text(json.dumps(cost.to_json()))
            shutil.move(out, target)
    return target


def _digest(subject: Subject, made_by: Sequence[Path]) -> str:
    photos = [(path.name, path.stat().st_size) for path in sorted(subject.calib.iterdir())]
    digest = hashlib.sha256(json.dumps(photos).encode())
    for path in (subject.weights, *made_by):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
