"""Opens graphs in onnxruntime to look at what they compute, many inputs side by side."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
import onnx_ir as ir
import onnxruntime


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
