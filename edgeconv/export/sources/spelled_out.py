"""Operators of ONNX that ONNX itself says what they are composed of, or that are sums in a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference

from edgeconv.graph.operators.table import STANDARD_DOMAINS, operator_named
from edgeconv.graph.passes.older_forms import OPSET, schema_at

#: What one is composed of may be composed itself; none is deeper than this.
_MOST_ROUNDS = 4


def spell_out(proto: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """Takes apart what hub graphs have no operator for.

    Args:
        proto: a graph with inferred shapes, without local functions.
        opset: its own.
    """
    _add_up(proto.graph)
    for level in range(_MOST_ROUNDS):
        if not any(_is_composed(node, opset) for node in proto.graph.node):
            break
        nodes = list(proto.graph.node)
        parts = [_parts(proto.graph, node, opset, f"{level}.{i}") for i, node in enumerate(nodes)]
        del proto.graph.node[:]
        proto.graph.node.extend(part for several in parts for part in several)
        _add_up(proto.graph)
        proto = shape_inference.infer_shapes(proto, data_prop=True)
    return proto


def _parts(
    graph: onnx.GraphProto, node: onnx.NodeProto, opset: int, mark: str
) -> list[onnx.NodeProto]:
    """A node, or what it is composed of, whose values are called by the mark."""
    if not _is_composed(node, opset):
        return [node]
    body = _body(graph, node, opset)
    names = dict(zip(body.input, node.input, strict=False))
    names |= dict(zip(body.output, node.output, strict=False))
    given = {attribute.name: attribute for attribute in (*body.attribute_proto, *node.attribute)}
    found = []
    for inner in body.node:
        part = onnx.NodeProto()
        part.CopyFrom(inner)
        part.name = f"{node.name}/{inner.op_type}"
        for values in (part.input, part.output):
            values[:] = [names.get(name, f"{name}::{mark}") if name else "" for name in values]
        del part.attribute[:]
        for attribute in inner.attribute:
            stated = given.get(attribute.ref_attr_name) if attribute.ref_attr_name else attribute
            if stated is not None:
                part.attribute.append(stated)
                part.attribute[-1].name = attribute.name
        found.append(part)
    return found


def _is_composed(node: onnx.NodeProto, opset: int) -> bool:
    """Whether no hub graph is begun with an operator, and ONNX says what it is composed of."""
    if node.domain not in STANDARD_DOMAINS:
        return False
    is_known = operator_named(node.op_type).kind != "unknown"
    if is_known and schema_at(node.op_type, OPSET) is not None:
        return False
    schema = schema_at(node.op_type, opset)
    return schema is not None and (
        schema.has_function or schema.has_context_dependent_function  # type: ignore[attr-defined]  # not in onnx's stubs
    )


def _body(graph: onnx.GraphProto, node: onnx.NodeProto, opset: int) -> onnx.FunctionProto:
    """What a node is composed of, its attributes' defaults beside it."""
    schema: Any = onnx.defs.get_schema(node.op_type, opset)
    body = onnx.FunctionProto()
    if schema.has_function:
        version = _nearest(schema.function_opset_versions, opset)
        body.ParseFromString(schema.get_function_with_opset_version(version))
    else:
        types = {v.name: v.type for v in (*graph.input, *graph.value_info, *graph.output)}
        for tensor in graph.initializer:
            types[tensor.name] = helper.make_tensor_type_proto(tensor.data_type, tensor.dims)
        given = [types[name].SerializeToString() if name else b"" for name in node.input]
        version = _nearest(schema.context_dependent_function_opset_versions, opset)
        body.ParseFromString(
            schema.get_context_dependent_function_with_opset_version(
                version, node.SerializeToString(), given
            )
        )
    defaults = [stated.default_value for stated in schema.attributes.values()]
    body.attribute_proto.extend(default for default in defaults if default.type)
    return body


def _nearest(versions: Sequence[int], opset: int) -> int:
    """The newest that an opset has; the oldest where ONNX said later what it is composed of."""
    return max((version for version in versions if version <= opset), default=min(versions))


def _add_up(graph: onnx.GraphProto) -> None:
    """Sum and Mean of several tensors become additions, one after the other."""
    nodes = list(graph.node)
    del graph.node[:]
    for node in nodes:
        if node.op_type in ("Sum", "Mean") and node.domain in STANDARD_DOMAINS:
            graph.node.extend(_additions(graph, node))
        else:
            graph.node.append(node)


def _additions(graph: onnx.GraphProto, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    total, count = node.input[0], len(node.input)
    result = node.output[0]
    is_mean = node.op_type == "Mean"
    for index, name in enumerate(node.input[1:], 1):
        is_last = index == count - 1 and not is_mean
        output = result if is_last else f"{result}::sum_{index}"
        yield helper.make_node("Add", [total, name], [output], f"{node.name}/add_{index}")
        total = output
    if is_mean:
        share = numpy_helper.from_array(np.array(1 / count, np.float32), f"{result}::share")
        graph.initializer.append(share)
        yield helper.make_node("Mul", [total, share.name], [result], f"{node.name}/mul")
    elif count == 1:
        yield helper.make_node("Identity", [total], [result], node.name)
