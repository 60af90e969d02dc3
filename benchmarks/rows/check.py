"""Runs one model file in its engine, nothing of edgeconv's, and compares it with PyTorch.

    python check.py FOLDER FILE

Prints one JSON object: for each output of the reference `error` (largest difference over the
largest value), `sqnr_db` (over all photos), `own_error` (of PyTorch's float32 against its float64),
or for whole numbers and truths `equal`, the share that is the same.

Tools name and order outputs differently and lay them out with channels first or last: an output is
compared with that of the file's whose shape fits and that is nearest.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Run = Callable[[NDArray[np.float32]], list[Array]]
_TINY = 1e-12


def main() -> None:
    folder, path = Path(sys.argv[1]), Path(sys.argv[2])
    given = np.load(folder / "inputs.npy")
    held = np.load(folder / "reference.npz")
    count = len([name for name in held if name.startswith("out_")])
    run = _onnx(path) if path.suffix == ".onnx" else _tflite(path, given.shape[1:])
    seen = [run(photo[None]) for photo in given]
    found = [np.stack(values) for values in zip(*seen, strict=True)]
    figures = []
    for number in range(count):
        exact = held[f"out_{number}"]
        place, got = _nearest(found, exact)
        found.pop(place)
        figures.append(_figures(got, exact, held[f"single_{number}"]))
    print(json.dumps(figures))


def _figures(got: Array, exact: Array, single: Array) -> dict[str, float]:
    if exact.dtype.kind in "biu":
        return {"equal": float((np.rint(got) == exact).mean())}
    return {
        "error": _error(got, exact),
        "own_error": _error(single, exact),
        "sqnr_db": _sqnr_db(got, exact),
    }


def _error(got: Array, exact: Array) -> float:
    if not np.isfinite(got).all():
        return float(not np.array_equal(got, exact.astype(got.dtype)))
    return float(np.abs(got - exact).max(initial=0) / max(np.abs(exact).max(initial=0), _TINY))


def _sqnr_db(got: Array, exact: Array) -> float:
    noise = float(np.square(got - exact).sum())
    signal = float(np.square(exact).sum())
    return float(10 * np.log10(max(signal, _TINY) / max(noise, signal * 1e-15, 1e-30)))


def _nearest(found: list[Array], exact: Array) -> tuple[int, Array]:
    """The file's output that fits the reference's best, and its values in PyTorch's layout."""
    fitting = [
        (_distance(turned, exact), place, turned)
        for place, values in enumerate(found)
        for turned in _layouts(values)
        if turned.shape == exact.shape
    ]
    if not fitting:
        shapes = [values.shape[1:] for values in found]
        raise SystemExit(f"no output of shape {exact.shape[1:]} among {shapes}")
    _, place, turned = min(fitting, key=lambda each: each[:2])
    return place, turned


def _distance(got: Array, exact: Array) -> float:
    return float(np.abs(got.astype(np.float64) - exact.astype(np.float64)).mean())


def _layouts(values: Array) -> Iterator[Array]:
    """Values (photos, N, ...) as they are, and with the last axis as the channels'."""
    yield values
    if values.ndim > 3:
        yield np.moveaxis(values, -1, 2)


def _onnx(path: Path) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    if "int8" in path.name:  # optimized int8 kernels saturate on processors without VNNI
        level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.graph_optimization_level = level
    session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda photo: list(session.run(None, {name: photo}))


def _tflite(path: Path, shape: tuple[int, ...]) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    (given,) = interpreter.get_input_details()
    channels_last = tuple(given["shape"][1:]) != shape

    def run(photo: NDArray[np.float32]) -> list[Array]:
        laid = photo.transpose(0, 2, 3, 1) if channels_last else photo
        interpreter.set_tensor(given["index"], _quantized(np.ascontiguousarray(laid), given))
        interpreter.invoke()
        details = interpreter.get_output_details()
        return [_real(interpreter.get_tensor(each["index"]), each) for each in details]

    return run


def _quantized(values: NDArray[np.float32], spec: dict[str, Any]) -> Array:
    scale, zero_point = spec["quantization"]
    if not scale:
        return values.astype(spec["dtype"])
    limits = np.iinfo(spec["dtype"])
    steps = np.clip(np.rint(values / scale) + zero_point, limits.min, limits.max)
    return steps.astype(spec["dtype"])


def _real(values: Array, spec: dict[str, Any]) -> Array:
    scale, zero_point = spec["quantization"]
    return (values.astype(np.float64) - zero_point) * scale if scale else values


if __name__ == "__main__":
    main()
