"""litert-torch + ai-edge-quantizer (static_wi8_ai8): model.tflite and model.int8.tflite.

The net is converted with channel-last input, which is what gives litert-torch's fastest files.
"""

from __future__ import annotations

import inputs
import numpy as np


def main() -> None:
    options = inputs.arguments(__doc__)
    stages = inputs.Stages()
    with stages.stage("import"):
        import litert_torch
        import torch
        from ai_edge_quantizer import quantizer, recipe
    floating, quantized = options.out / "model.tflite", options.out / "model.int8.tflite"
    with stages.stage("load"):
        net = inputs.load(options.net, options.weights)
        example = torch.zeros(1, *net.preprocessing.input_size, 3)
    with stages.stage("litert_torch.convert"):
        module = litert_torch.to_channel_last_io(net.module, args=[0])
        litert_torch.convert(module.eval(), (example,)).export(str(floating))
    with stages.stage("calibrate"):
        tool = quantizer.Quantizer(str(floating))
        tool.load_quantization_recipe(recipe.static_wi8_ai8())
        feeds = [
            {"args_0": np.ascontiguousarray(batch.transpose(0, 2, 3, 1))}
            for batch in inputs.photos(net, options.calib)
        ]
        ranges = tool.calibrate({"serving_default": feeds})
    with stages.stage("quantize"):
        tool.quantize(ranges).export_model(str(quantized), overwrite=True)
    stages.write(options.out)


if __name__ == "__main__":
    main()
