"""Every tensor of every file on the same photos, by the hub's names and in the hub's order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.errors import ArtifactRefused, UsageError
from edgeconv.files.onnx.load import load
from edgeconv.files.onnx.nodes import is_view
from edgeconv.files.tflite import tensor_order
from edgeconv.files.tflite.file import read
from edgeconv.files.tflite.resize_places import bilinear_resizes, explained_steps
from edgeconv.graph.qdq_names import integers_of
from edgeconv.graph.view import input_names, shape_of
from edgeconv.quantize.observe.session import open_graph
from edgeconv.quantize.observe.targets import Target, targets
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.planner import PIXELS
from edgeconv.runtime.adapt import Images, Samples, app_inputs
from edgeconv.runtime.feeds import Batch, by_name
from edgeconv.runtime.litert import LiteRtSession
from edgeconv.runtime.ort import OrtSession
from edgeconv.runtime.session import SessionOptions, TensorSpec

Values = Mapping[str, NDArray[Any]]


def batches(images: Samples, model: ir.Model, photos: int) -> Iterator[Samples]:
    """The first photos in the graph's own batch size; at least one whole batch.

    Raises:
        UsageError: there are fewer photos than the graph takes at once.
    """
    size = shape_of(model.graph.inputs[0])[0]
    if len(images) < size:
        raise UsageError(f"the net takes {size} photos at once, {len(images)} are there")
    for start in range(0, max(size, min(photos, len(images)) // size * size), size):
        yield images[start : start + size]


class FloatGraph:
    """The hub graph, or one with other constants, in onnxruntime."""

    def __init__(self, model: ir.Model) -> None:
        self._inputs = input_names(model)
        self.targets: list[Target] = targets(model)
        self._computed = [t for t in self.targets if t.producer is not None]
        self._session = open_graph(model, [t.value for t in self._computed])

    def run(self, images: Samples) -> Values:
        """Every tensor of one batch."""
        given: Batch = images.reals
        if isinstance(images, Images) and self._inputs == [PIXELS]:
            given = images.raw_reals
        feeds = by_name(given, self._inputs)
        results = self._session.run(None, feeds)
        return {**feeds, **{t.name: a for t, a in zip(self._computed, results, strict=True)}}


class TfliteTensors:
    """A TFLite file on the reference kernels, all tensors kept."""

    def __init__(self, path: Path, model: ir.Model) -> None:
        """Opens the file; raises as `LiteRtSession`."""
        self._session = _open(path)
        specs = self._session.tensor_specs()
        self._names = {t.name: (t.value, _held(t.name, specs)) for t in targets(model)}
        file = read(path)
        self._orders = tensor_order.orders(file)
        self._resizes = bilinear_resizes(file)

    def run(self, images: Samples) -> Values:
        """Raw tensors of one batch, integers or floats, in the hub's order."""
        self._session.run(app_inputs(self._session, images))
        found = {}
        for name, (value, held) in self._names.items():
            if held is None:
                continue
            array = self._in_hub_order(name, value, self._session.read_tensor(held))
            if array is not None:
                found[name] = array
        for name, (value, held) in self._names.items():
            producer = value.producer()
            if held is not None or producer is None or not is_view(producer):
                continue
            source = producer.inputs[0]
            if source is not None and source.name in found:  # one tensor of the file is both
                found[name] = found[source.name].reshape(shape_of(value))
        return found

    def explained(self) -> Mapping[str, NDArray[np.int16]]:
        """Steps beyond the first that `resize_places` explains of the last batch, by hub tensor."""
        steps = explained_steps(self._resizes, self._session)
        found = {
            name: self._in_hub_order(name, value, steps[held])
            for name, (value, held) in self._names.items()
            if held is not None and held in steps
        }
        return {name: array for name, array in found.items() if array is not None}

    def _in_hub_order(self, name: str, value: ir.Value, array: NDArray[Any]) -> NDArray[Any] | None:
        """A tensor of the file as the hub's; None where the file has another shape."""
        shape = shape_of(value)
        order = self._orders.get(name) or tensor_order.usual(shape)
        return order.in_hub_order(array, shape) if order.fits(array.shape, shape) else None


class OnnxIntegers:
    """An int8 ONNX file, graph optimizations off, giving the integers behind every tensor."""

    def __init__(self, path: Path, plan: Plan) -> None:
        """Opens the file; raises ArtifactRefused where it cannot."""
        model = load(path)
        values = {str(v.name): v for node in model.graph for v in node.outputs}
        self._names = {
            integers_of(name): name for name in plan.activations if integers_of(name) in values
        }
        model.graph.outputs.clear()
        model.graph.outputs.extend(values[name] for name in self._names)
        self._session = OrtSession(
            ir.to_proto(model).SerializeToString(), SessionOptions(kernels="reference")
        )

    def run(self, images: Samples) -> Values:
        """Integers of one batch by hub name."""
        fed = app_inputs(self._session, images)
        arrays = self._session.run(fed)
        found: dict[str, NDArray[Any]] = {
            self._names[out.name]: array
            for out, array in zip(self._session.outputs, arrays, strict=True)
        }
        for spec, array in zip(self._session.inputs, fed, strict=True):
            if spec.dtype == np.uint8:
                found[spec.name] = (array.astype(np.int16) - 128).astype(np.int8)
        return found


def _open(path: Path) -> LiteRtSession:
    """The file on reference kernels; on the built-in ones where those lack an operator."""
    try:
        return LiteRtSession(path, SessionOptions(kernels="reference", keep_tensors=True))
    except ArtifactRefused:
        return LiteRtSession(path, SessionOptions(kernels="default", keep_tensors=True))


def _held(name: str, specs: Mapping[str, TensorSpec]) -> str | None:
    """The file's tensor for a hub tensor: at a converted end of an int8 file it has a suffix."""
    for candidate in (f"{name}/int8", name):
        if candidate in specs and specs[candidate].dtype in (np.int8, np.float32):
            return candidate
    return None
