"""torch.onnx (dynamo) + onnxsim + onnxruntime's quantize_static: model.onnx and model.int8.onnx.

The settings are those that onnxruntime's quantization guide gives for ARM and VNNI processors: QDQ,
int8 activations and weights, weights per channel, min-max ranges, after quant_pre_process.
"""

from __future__ import annotations

from collections.abc import Iterator

import inputs
import numpy as np
from numpy.typing import NDArray

INPUT = "input"


def main() -> None:
    options = inputs.arguments(__doc__)
    stages = inputs.Stages()
    with stages.stage("import"):
        import onnx
        import onnxsim
        import torch
        from onnxruntime.quantization import (
            CalibrationDataReader,
            CalibrationMethod,
            QuantFormat,
            QuantType,
            quantize_static,
        )
        from onnxruntime.quantization.shape_inference import quant_pre_process

    class Photos(CalibrationDataReader):  # type: ignore[misc]
        """Feeds the photos one by one, as the calibrator asks for them."""

        def __init__(self, batches: Iterator[NDArray[np.float32]]) -> None:
            self.batches = batches

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            batch = next(self.batches, None)
            return None if batch is None else {INPUT: batch}

    exported, prepared = options.out / "exported.onnx", options.out / "prepared.onnx"
    simplified, quantized = options.out / "model.onnx", options.out / "model.int8.onnx"
    with stages.stage("load"):
        net = inputs.load(options.net, options.weights)
        example = torch.zeros(1, 3, *net.preprocessing.input_size)
    with stages.stage("torch.onnx"):
        torch.onnx.export(
            net.module,
            (example,),
            exported,
            dynamo=True,
            external_data=False,
            input_names=[INPUT],
            output_names=["logits"],
        )
    with stages.stage("onnxsim"):
        model, equal = onnxsim.simplify(onnx.load(exported))
        if not equal:
            raise SystemExit("onnxsim changed the net")
        onnx.save(model, simplified)
    with stages.stage("quant_pre_process"):
        quant_pre_process(str(simplified), str(prepared))
    with stages.stage("quantize_static"):
        quantize_static(
            str(prepared),
            str(quantized),
            Photos(inputs.photos(net, options.calib)),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
    stages.write(options.out)


if __name__ == "__main__":
    main()
