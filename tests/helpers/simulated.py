"""The simulator against a TFLite file on LiteRT's reference kernels."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.export import tflite
from edgeconv.files.tflite import tensor_order
from edgeconv.files.tflite.file import read
from edgeconv.graph.fusion import written_output
from edgeconv.graph.view import activation_inputs, name_of, shape_of
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.simulate import Simulator
from edgeconv.runtime.litert import LiteRtSession
from edgeconv.runtime.session import SessionOptions


def reference_session(model: ir.Model, plan: Plan, path: Path) -> LiteRtSession:
    """The plan's TFLite file on reference kernels, every tensor kept."""
    tflite.write(model, path, "int8", plan, io="int8")
    return LiteRtSession(path, SessionOptions(kernels="reference", keep_tensors=True))


def run_file(
    session: LiteRtSession, simulator: Simulator, image: NDArray[np.float32], path: Path
) -> dict[str, NDArray[np.int8]]:
    """Every int8 tensor of the file in the hub's order, after a run on the same integers."""
    integers = next(iter(simulator.run(image).values()))
    feed = integers.transpose(0, 2, 3, 1) if integers.ndim == 4 else integers
    session.run([np.ascontiguousarray(feed)])
    values = [v for node in simulator.nodes for v in (*node.inputs, *node.outputs) if v is not None]
    shapes = {name_of(value): shape_of(value) for value in values if value.name}
    orders = tensor_order.orders(read(path))
    held = {
        name: orders.get(name, tensor_order.usual(shapes[name])).in_hub_order(
            session.read_tensor(name), shapes[name]
        )
        for name, spec in session.tensor_specs().items()
        if spec.dtype == np.int8 and name in shapes
    }
    _restore_squeezed(simulator, held)
    return held


def _restore_squeezed(simulator: Simulator, held: dict[str, NDArray[np.int8]]) -> None:
    """A pooled tensor and its flattened form are one tensor of the file, named after the former."""
    for node in simulator.nodes:
        if node.op_type not in ("Flatten", "Reshape"):
            continue
        pooled, flat = name_of(node.inputs[0]), name_of(node.outputs[0])
        if flat not in held and pooled in held:
            held[flat] = held[pooled].reshape(shape_of(node.outputs[0]))
            held[pooled] = held[pooled].reshape(shape_of(node.inputs[0]))


def largest_steps(
    model: ir.Model, plan: Plan, images: Iterable[NDArray[np.float32]], path: Path
) -> dict[str, int]:
    """Largest difference by operator type, each operator fed with the file's own integers."""
    simulator, session = Simulator(model, plan), reference_session(model, plan, path)
    worst: dict[str, int] = {}
    for image in images:
        held = run_file(session, simulator, image, path)
        for node in simulator.nodes:
            names = [name_of(value) for _, value in activation_inputs(node)]
            output = name_of(written_output(node))
            if any(name not in held for name in (*names, output)):
                continue
            wanted = held[output]
            (made, *_) = simulator.apply(str(node.name), [held[name] for name in names])
            if made.shape != wanted.shape:  # of five axes: the file has an order of its own
                continue
            steps = np.abs(made.astype(np.int64) - wanted.astype(np.int64)).max(initial=0)
            worst[node.op_type] = max(worst.get(node.op_type, 0), int(steps))
    return worst
