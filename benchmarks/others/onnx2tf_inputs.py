"""Writes what onnx2tf reads: calibration.npy, its normalization, and its sample images.

calibration.npy     float32 (N, height, width, 3) in 0..1
normalization.json  mean and std, which onnx2tf applies itself
calibration_image_sample_data_20x128x128x3_float32.npy
                    onnx2tf downloads a file of this name, to check its layouts with, unless
                    one lies in the working directory; here it is cut from the same photos
"""

from __future__ import annotations

import json

import inputs
import numpy as np

SAMPLES, SIDE = 20, 128


def main() -> None:
    options = inputs.arguments(__doc__)
    from edgeconv.data.images import load_image
    from edgeconv.data.preprocessing import crop_pixels

    preprocessing = inputs.load(options.net, options.weights).preprocessing
    crops = [crop_pixels(load_image(path), preprocessing) for path in inputs.paths(options.calib)]
    images = np.stack(crops).astype(np.float32) / 255
    np.save(options.out / "calibration.npy", images)
    samples = np.resize(images[:, :SIDE, :SIDE], (SAMPLES, SIDE, SIDE, 3))
    name = f"calibration_image_sample_data_{SAMPLES}x{SIDE}x{SIDE}x3_float32.npy"
    np.save(options.out / name, samples)
    figures = {"mean": preprocessing.mean, "std": preprocessing.std}
    (options.out / "normalization.json").write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
