"""Shows that a change of the code changes no byte of what it exports.

    python benchmarks/same_files.py store LIST.json     # with the code before
    python benchmarks/same_files.py check LIST.json     # with the code after

Each of the exports below runs in a process of its own, on one thread, with untrained weights and
few photos, so that all of them take minutes. LIST.json holds the SHA-256 of every model file, of
golden.npz and of labels.txt; of an int16x8 TFLite file that of what it gives for the golden inputs,
for the order and the names of its tensors are free. manifest.json is left out, for it has times
and versions. A list is good for the kind of CPU that it was made on
(docs/decisions/same-bytes.md).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from edgeconv.runtime.open import open_session

_INT8 = ("--int8", "--calib-samples", "16")
_ENOUGH_TO_PREDICT = ("--int8", "--calib-samples", "32", "--max-drop", "2")
_EXPORTS: dict[str, tuple[str, ...]] = {
    "mobilenet_v1": ("--input-size", "96", *_INT8, "--io", "uint8"),
    "mobilenet_v2": ("--input-size", "96", *_INT8, "--precision", "float16,weight-only-int8"),
    "mobilenet_v3_small": ("--input-size", "96", *_INT8, "--precision", "dynamic-int8"),
    "shufflenet_v1": ("--input-size", "96", *_INT8, "--recipe", "fast"),
    "shufflenet_v2_x0_5": ("--input-size", "96", *_ENOUGH_TO_PREDICT),
    "efficientnet_lite0": ("--input-size", "96", *_INT8, "--recipe", "fast"),
    "efficientnet_b0": ("--input-size", "96", *_INT8, "--recipe", "fast", "--ranges", "minmax"),
    "squeezenet1_1": ("--input-size", "96", *_INT8, "--precision", "int16x8"),
    "googlenet": ("--input-size", "96", *_INT8, "--recipe", "fast", "--io", "float32"),
    "resnet18": ("--input-size", "96", *_INT8, "--recipe", "fast", "--batch", "2"),
    "densenet121": ("--input-size", "64", *_INT8, "--recipe", "fast"),
    "se_resnext50_32x4d": ("--input-size", "64", *_INT8, "--recipe", "fast"),
    "xception": ("--input-size", "96", *_INT8, "--recipe", "fast"),
    "drn_c_26": ("--input-size", "64", *_INT8, "--recipe", "fast"),
}
_JUDGED_BY_OUTPUTS = "model.int16x8.tflite"
_COMPARED = (".onnx", ".tflite", "golden.npz", "labels.txt")


def main() -> int:
    """Stores or checks a list; exits 1 where a file differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["store", "check"])
    parser.add_argument("list", type=Path)
    parser.add_argument("--only", nargs="*", default=sorted(_EXPORTS), choices=sorted(_EXPORTS))
    wanted = parser.parse_args()
    found = {net: _digests(net) for net in wanted.only}
    if wanted.what == "store":
        wanted.list.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        return 0
    stored = json.loads(wanted.list.read_text("utf-8"))
    differing = [
        f"{net}/{name}"
        for net, files in found.items()
        for name in sorted(set(files) | set(stored[net]))
        if files.get(name) != stored[net].get(name)
    ]
    print("\n".join(differing) if differing else f"{len(found)} exports: every byte as stored")
    return 1 if differing else 0


def _digests(net: str) -> dict[str, str]:
    """The SHA-256 of each file of `net`'s bundle, by its name."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "bundle"
        command = [sys.executable, "-m", "edgeconv", "export", net, *_EXPORTS[net]]
        command += ["--weights", "random", "--out", str(out)]
        ran = subprocess.run(
            command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True
        )
        # 1: a threshold was missed, as untrained nets may; the files are written all the same.
        if ran.returncode not in (0, 1):
            raise SystemExit(f"{' '.join(command)}: exit {ran.returncode}\n{ran.stderr}")
        print(net, "exit", ran.returncode, file=sys.stderr, flush=True)
        return {
            path.name: hashlib.sha256(_compared(path)).hexdigest()
            for path in sorted(out.iterdir())
            if path.name.endswith(_COMPARED)
        }


def _compared(path: Path) -> bytes:
    """What of a file must stay as it is."""
    if path.name != _JUDGED_BY_OUTPUTS:
        return path.read_bytes()
    session = open_session(path)
    with np.load(path.with_name("golden.npz")) as vectors:
        photos = vectors["input_float32_nchw"].transpose(0, 2, 3, 1)
    results = [session.run([np.ascontiguousarray(photo[None])]) for photo in photos]
    return b"".join(output.tobytes() for outputs in results for output in outputs)


if __name__ == "__main__":
    raise SystemExit(main())
