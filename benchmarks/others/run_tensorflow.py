"""TensorFlow's own converter: full int8, per channel, ranges from the photos: model.int8.tflite.

python run_tensorflow.py SAVED_MODEL FOLDER     (FOLDER holds what onnx2tf_inputs.py wrote)

The saved model is onnx2tf's, whose graph TensorFlow reads channel-last.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    import tensorflow as tf

    source, out = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    figures = json.loads((out / "normalization.json").read_text())
    mean, std = (np.array(figures[name], np.float32) for name in ("mean", "std"))
    images = np.load(out / "calibration.npy", mmap_mode="r")
    loaded = tf.saved_model.load(str(source))
    (name,) = loaded.signatures["serving_default"].structured_input_signature[1]

    def photos() -> Iterator[dict[str, Any]]:
        for image in images:
            yield {name: ((image - mean) / std)[None].astype(np.float32)}

    converter = tf.lite.TFLiteConverter.from_saved_model(str(source))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = photos
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    (out / "model.int8.tflite").write_bytes(converter.convert())


if __name__ == "__main__":
    main()
