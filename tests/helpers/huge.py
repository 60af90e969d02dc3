"""Small, well-formed files that ask for more memory than any machine has free."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import flatbuffers
import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, helper

#: 115 GB as float32.
SHAPE = (1, 60_000, 60_000, 8)


def tflite(path: Path, shape: Sequence[int] = SHAPE, told: Sequence[int] = (1, 1, 1, 1)) -> Path:
    """Repeats its input to `shape`, and reduces that to one value.

    Args:
        path: where it is written.
        shape: what the repeated tensor has.
        told: what the file says it has; the engine computes the shape by itself.
    """
    times, axes = np.array(shape, np.int32), np.array([1, 2, 3], np.int32)
    buffers = [schema.BufferT()]
    buffers += [schema.BufferT(data=held.view(np.uint8)) for held in (times, axes)]
    single, integer = schema.TensorType.FLOAT32, schema.TensorType.INT32
    tensors = [
        schema.TensorT(shape=[1, 1, 1, 1], type=single, name="input"),
        schema.TensorT(shape=[4], type=integer, buffer=1, name="times"),
        schema.TensorT(shape=list(told), type=single, name="repeated"),
        schema.TensorT(shape=[3], type=integer, buffer=2, name="axes"),
        schema.TensorT(shape=[1, 1], type=single, name="output"),
    ]
    operators = [
        schema.OperatorT(opcodeIndex=0, inputs=[0, 1], outputs=[2]),
        schema.OperatorT(
            opcodeIndex=1,
            inputs=[2, 3],
            outputs=[4],
            builtinOptionsType=schema.BuiltinOptions.ReducerOptions,
            builtinOptions=schema.ReducerOptionsT(keepDims=False),
        ),
    ]
    codes = [schema.BuiltinOperator.TILE, schema.BuiltinOperator.REDUCE_MAX]
    model = schema.ModelT(
        version=3,
        operatorCodes=[
            schema.OperatorCodeT(deprecatedBuiltinCode=code, builtinCode=code, version=1)
            for code in codes
        ],
        subgraphs=[schema.SubGraphT(tensors=tensors, inputs=[0], outputs=[4], operators=operators)],
        buffers=buffers,
    )
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def onnx_net(path: Path, shape: Sequence[int] = SHAPE) -> Path:
    """Repeats its input to `shape`, and reduces that to one value."""
    nodes = [
        helper.make_node("Expand", ["input", "shape"], ["repeated"]),
        helper.make_node("ReduceMax", ["repeated"], ["output"], axes=[1, 2, 3], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "huge",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 1, 1, 1])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1])],
        [helper.make_tensor("shape", TensorProto.INT64, [4], list(shape))],
    )
    return _saved(path, graph)


def onnx_input(path: Path, shape: Sequence[int] = SHAPE) -> Path:
    """Takes an input of `shape`."""
    graph = helper.make_graph(
        [helper.make_node("ReduceMax", ["input"], ["output"], axes=[1, 2, 3], keepdims=0)],
        "huge",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1])],
    )
    return _saved(path, graph)


def _saved(path: Path, graph: onnx.GraphProto) -> Path:
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path
