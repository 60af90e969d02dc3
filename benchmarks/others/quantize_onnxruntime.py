"""onnxruntime's quantize_static with ranges by entropy or percentile: model.int8.onnx.

Everything else is as in chain_onnxruntime.py, which also makes the file this starts from. These
calibrators keep every activation of every photo in memory.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import inputs
import numpy as np
from chain_onnxruntime import INPUT
from numpy.typing import NDArray

METHODS = {"entropy": "Entropy", "percentile": "Percentile"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--net", required=True)
    for name in ("--weights", "--calib", "--out"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="prepared.onnx")
    parser.add_argument("--method", choices=METHODS, required=True)
    parser.add_argument("--photos", type=int, required=True, help="at most so many")
    options = parser.parse_args()
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Photos(CalibrationDataReader):  # type: ignore[misc]
        """Feeds the photos one by one, as the calibrator asks for them."""

        def __init__(self, batches: Iterator[NDArray[np.float32]]) -> None:
            self.batches = batches

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            batch = next(self.batches, None)
            return None if batch is None else {INPUT: batch}

    net = inputs.load(options.net, options.weights)
    quantize_static(
        str(options.model),
        str(options.out / "model.int8.onnx"),
        Photos(islice(inputs.photos(net, options.calib), options.photos)),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod[METHODS[options.method]],
    )


if __name__ == "__main__":
    main()
