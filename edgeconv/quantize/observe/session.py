"""Opens graphs in onnxruntime to look at what they compute, many inputs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
from numpy.typing import NDArray

from edgeconv.runtime.ort import DTYPES


def open_graph(
    model: ir.Model, values: Sequence[ir.Value] | None = None
) -> onnxruntime.InferenceSession:
    """Opens a graph that gives exactly `values`, or its own outputs; see `open_proto`."""
    proto = ir.to_proto(model)
    if values is not None:
        del proto.graph.output[:]
        proto.graph.output.extend(ir.to_proto(value) for value in values)
    return open_proto(proto)


def open_proto(proto: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """Opens a model on one thread.

    Pairs of QuantizeLinear and DequantizeLinear round between float kernels and are not made into
    int8 kernels: those of some CPUs saturate.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised, with the same words
    onnxruntime.set_default_logger_severity(4)
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    return onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


class BoundRun:
    """Runs a session into the same arrays every time.

    Fresh arrays for every activation of every photo cost as much as the net itself: their pages
    are mapped, cleared and given back each time.
    """

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._outputs = [np.empty(o.shape, DTYPES[o.type]) for o in session.get_outputs()]
        self._binding = session.io_binding()
        for spec, array in zip(session.get_outputs(), self._outputs, strict=True):
            self._binding.bind_output(
                spec.name, "cpu", 0, array.dtype, array.shape, array.ctypes.data
            )

    def __call__(self, given: Mapping[str, NDArray[np.float32]]) -> list[NDArray[Any]]:
        """The outputs, valid until the next run."""
        for name, array in given.items():
            self._binding.bind_cpu_input(name, np.ascontiguousarray(array))
        self._session.run_with_iobinding(self._binding)
        return self._outputs
