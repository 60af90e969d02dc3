"""Runs onnx2tf on an ONNX file: float and int8 TFLite, per channel, ranges from the photos.

python run_onnx2tf.py MODEL.onnx FOLDER     (FOLDER holds what onnx2tf_inputs.py wrote)
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def main() -> None:
    model, out = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    figures = json.loads((out / "normalization.json").read_text())
    mean, std = (json.dumps([[[figures[name]]]]) for name in ("mean", "std"))
    command = [str(Path(sys.executable).parent / "onnx2tf"), "-i", str(model), "-o", str(out)]
    command += ["-oiqt", "-qt", "per-channel", "-n"]
    command += ["-cind", "input", str(out / "calibration.npy"), mean, std]
    # onnx2tf starts onnxsim by name; PYTHONPATH would show it another environment's packages
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(command, check=True, cwd=out, env={**variables, "PATH": path})


if __name__ == "__main__":
    main()
