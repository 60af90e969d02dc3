"""litert-torch and ai-edge-quantizer (static_wi8_ai8) on a row: FOLDER/litert/model[.int8].tflite.

    python chain_litert.py ROW FOLDER

Channel-last input, which gives litert-torch's fastest files.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from build import build, images
from inputs import CALIBRATION


def main() -> None:
    import litert_torch
    import torch
    from ai_edge_quantizer import quantizer, recipe

    row, folder = sys.argv[1], Path(sys.argv[2])
    out = folder / "litert"
    out.mkdir(exist_ok=True)
    net = build(row)
    size = tuple(net.preprocessing["input_size"])
    last = litert_torch.to_channel_last_io(net, args=[0]).eval()
    floating = out / "model.tflite"
    litert_torch.convert(last, (torch.zeros(1, *size, 3),)).export(str(floating))
    photos = images(CALIBRATION, size, "calibration").numpy().transpose(0, 2, 3, 1)
    tool = quantizer.Quantizer(str(floating))
    tool.load_quantization_recipe(recipe.static_wi8_ai8())
    feeds = [{"args_0": np.ascontiguousarray(photo[None])} for photo in photos]
    ranges = tool.calibrate({"serving_default": feeds})
    tool.quantize(ranges).export_model(str(out / "model.int8.tflite"), overwrite=True)


if __name__ == "__main__":
    main()
