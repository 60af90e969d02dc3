"""What onnx2tf starts from: FOLDER/onnx2tf/model.onnx by torch.onnx and onnxsim, and its data.

python exported_onnx.py ROW FOLDER
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
from build import build

_SAMPLES, _SIDE = 20, 128


def main() -> None:
    import onnx
    import onnxsim
    import torch

    row, folder = sys.argv[1], Path(sys.argv[2])
    out = folder / "onnx2tf"
    out.mkdir(exist_ok=True)
    net = build(row)
    how = net.preprocessing
    exported = out / "exported.onnx"
    example = torch.zeros(1, 3, *how["input_size"])
    names = {"input_names": ["input"]}
    torch.onnx.export(net, (example,), exported, dynamo=True, external_data=False, **names)
    model, _ = onnxsim.simplify(onnx.load(exported))
    onnx.save(model, out / "model.onnx")
    figures = {"mean": how["mean"], "std": how["std"]}
    (out / "normalization.json").write_text(json.dumps(figures))
    photos = np.load(folder / "onnx2tf.npy")
    shutil.copyfile(folder / "onnx2tf.npy", out / "calibration.npy")
    # onnx2tf fetches a file of this name, to check its layouts with, unless one lies here
    samples = np.resize(photos, (_SAMPLES, _SIDE, _SIDE, 3)).astype(np.float32)
    shape = "x".join(map(str, samples.shape))
    np.save(out / f"calibration_image_sample_data_{shape}_float32.npy", samples)


if __name__ == "__main__":
    main()
