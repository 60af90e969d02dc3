"""NNCF's post-training quantization of an ONNX file: model.int8.onnx.

python run_nncf.py MODEL.onnx FOLDER            (FOLDER holds what onnx2tf_inputs.py wrote)

`mixed` is the preset that NNCF advises where activations are not symmetric: asymmetric ranges of
activations, symmetric weights per channel. The rest is as its guide has it; all photos are seen.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def main() -> None:
    import nncf
    import onnx

    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    figures = json.loads((out / "normalization.json").read_text())
    mean, std = (np.array(figures[name], np.float32) for name in ("mean", "std"))
    images = np.load(out / "calibration.npy", mmap_mode="r")
    model = onnx.load(source)
    (name,) = (value.name for value in model.graph.input)

    def fed(image: NDArray[np.float32]) -> dict[str, Any]:
        normalized = ((image - mean) / std).transpose(2, 0, 1)[None]
        return {name: np.ascontiguousarray(normalized, np.float32)}

    quantized = nncf.quantize(
        model,
        nncf.Dataset(images, fed),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(images),
    )
    onnx.save(quantized, out / "model.int8.onnx")


if __name__ == "__main__":
    main()
