"""Damaged copies of an .onnx file: its bytes, and every field that the format has."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from onnx import TensorProto

from tests.helpers.mutations import mutated

_INTEGERS = (-(2**63), -(2**31), -2, -1, 0, 1, 2, 3, 5, 7, 10, 11, 16, 99, 2**31 - 1, 2**40, 2**62)
_REALS = (float("nan"), float("inf"), -1.0, 0.0, 1e-45, 1e38)
_TEXTS = ("", "\x1b[31m\r\n", "x" * 5000, "\u202e\u2028", "a\0b", "com.microsoft", "Constant")
_BYTES = (b"", b"\xff", b"\0" * 4, b"\xff" * 64, b"location")


def damaged(seed: bytes, number: int) -> bytes:
    """The damaged file of this number."""
    return mutated([seed], number) if number % 4 == 0 else with_other_fields(seed, number)


def with_other_fields(seed: bytes, number: int) -> bytes:
    """A message of which one to four fields say something else."""
    rng = random.Random(number)
    model = onnx.load_from_string(seed)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        change = rng.choice(_SPECIAL) if rng.random() < 0.4 else _any_field
        try:
            change(model, rng)
        except (ValueError, TypeError, OverflowError, IndexError):  # it does not fit there
            continue
    content: bytes = model.SerializeToString()
    return content


def _messages(message: Message) -> Iterator[Message]:
    yield message
    for field, held in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for inner in (held,) if isinstance(held, Message) else held:
                yield from _messages(inner)


def _copy(message: Message) -> Message:
    """Apart from the message it stands in, into which it may be put again."""
    return type(message).FromString(message.SerializeToString())


def _any_field(model: onnx.ModelProto, rng: random.Random) -> None:
    everything = list(_messages(model))
    message = rng.choice(everything)
    set_ones = [field for field, _ in message.ListFields()]
    field = rng.choice(set_ones if set_ones and rng.random() < 0.7 else message.DESCRIPTOR.fields)
    alike = [one for one in everything if one.DESCRIPTOR is field.message_type]
    held = getattr(message, field.name)
    copied = _copy(rng.choice(alike)) if alike else None
    if hasattr(held, "extend"):
        _change_repeated(held, field, copied, rng)
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        message.ClearField(field.name)
        if copied is not None and rng.random() < 0.6:
            getattr(message, field.name).CopyFrom(copied)
        elif rng.random() < 0.5:
            getattr(message, field.name).SetInParent()
    elif rng.random() < 0.2:
        message.ClearField(field.name)
    else:
        setattr(message, field.name, _scalar(field, rng))


def _change_repeated(held: Any, field: Any, copied: Message | None, rng: random.Random) -> None:
    is_message = field.type == FieldDescriptor.TYPE_MESSAGE
    at = rng.randrange(len(held)) if held else 0
    match rng.randrange(6):
        case 0 if held:
            del held[at]
        case 1:
            del held[:]
        case 2 if held:
            one = _copy(held[at]) if is_message else held[at]
            held.extend([one] * rng.choice((1, 1, 300)))
        case 3 if is_message:
            held.add()
        case 4 if copied is not None:
            held.add().CopyFrom(copied)
        case _ if is_message:
            kept = [_copy(one) for one in rng.sample(list(held), len(held))]
            del held[:]
            held.extend(kept)
        case _:
            if held and rng.random() < 0.7:
                held[at] = _scalar(field, rng)
            else:
                held.append(_scalar(field, rng))


def _scalar(field: Any, rng: random.Random) -> Any:
    if field.type == FieldDescriptor.TYPE_ENUM:
        return rng.choice([value.number for value in field.enum_type.values])
    if field.type == FieldDescriptor.TYPE_STRING:
        return rng.choice(_TEXTS)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return rng.choice(_BYTES)
    if field.type in (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE):
        return rng.choice(_REALS)
    chosen = rng.choice(_INTEGERS)
    return chosen if field.type != FieldDescriptor.TYPE_INT32 else max(-(2**31), chosen % 2**31)


def _nodes(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    return [one for one in _messages(model) if isinstance(one, onnx.NodeProto)]


def _names(model: onnx.ModelProto) -> list[str]:
    written = [name for node in _nodes(model) for name in (*node.input, *node.output)]
    return [*written, *(tensor.name for tensor in model.graph.initializer), ""]


def _rewired(model: onnx.ModelProto, rng: random.Random) -> None:
    """A node reads or writes another value: cycles, two writers, none."""
    node = rng.choice(_nodes(model))
    names = rng.choice((node.input, node.input, node.output))
    names[rng.randrange(len(names))] = rng.choice(_names(model))


def _another_operator(model: onnx.ModelProto, rng: random.Random) -> None:
    """A node is of another type, of the file's, of ONNX's or of a domain."""
    node, others = rng.choice(_nodes(model)), _nodes(model)
    types = [schema.name for schema in onnx.defs.get_all_schemas()]
    node.op_type = rng.choice((rng.choice(others).op_type, rng.choice(types), "QLinearConv"))
    node.domain = rng.choice((node.domain, "", "ai.onnx", "com.microsoft", "x"))


def _another_attribute(model: onnx.ModelProto, rng: random.Random) -> None:
    """An attribute of any name and type, as a node may have."""
    node = rng.choice(_nodes(model))
    named = [one.name for other in _nodes(model) for one in other.attribute]
    attribute = rng.choice(node.attribute) if node.attribute and rng.random() < 0.6 else None
    attribute = node.attribute.add() if attribute is None else attribute
    attribute.name = rng.choice((attribute.name, *named, "axis", "perm", "group", "value"))
    attribute.type = rng.choice(list(onnx.AttributeProto.AttributeType.values()))
    if rng.random() < 0.5:
        attribute.i = rng.choice(_INTEGERS)
        attribute.ints.extend(rng.choices(_INTEGERS, k=rng.choice((0, 1, 4))))


def _subgraph(model: onnx.ModelProto, rng: random.Random) -> None:
    """A node holds a graph, mostly the whole one."""
    whole = _copy(model.graph)
    attribute = rng.choice(_nodes(model)).attribute.add()
    attribute.name, attribute.type = "body", onnx.AttributeProto.GRAPH
    attribute.g.CopyFrom(whole)


def _function(model: onnx.ModelProto, rng: random.Random) -> None:
    """A local function that takes a node's place, and may call itself or another."""
    node = rng.choice(_nodes(model))
    function = model.functions.add(name=node.op_type, domain=node.domain)
    function.input.extend(node.input)
    function.output.extend(node.output)
    function.node.extend(rng.sample(_nodes(model), min(3, len(_nodes(model)))))
    function.opset_import.add(domain="", version=rng.choice((1, 13, 17, 99)))


def _sparse(model: onnx.ModelProto, rng: random.Random) -> None:
    """A constant turns sparse, of indices that may lead anywhere."""
    dense = rng.choice(model.graph.initializer)
    sparse = model.graph.sparse_initializer.add()
    sparse.values.CopyFrom(dense)
    sparse.indices.data_type = TensorProto.INT64
    sparse.indices.dims.append(rng.choice((1, 2, 1000)))
    sparse.indices.int64_data.extend([rng.choice(_INTEGERS)])
    sparse.dims.extend(dense.dims)
    if rng.random() < 0.7:
        model.graph.initializer.remove(dense)


def _texts(model: onnx.ModelProto, rng: random.Random) -> None:
    """A constant of texts, or of another type than its bytes are of."""
    tensor = rng.choice(model.graph.initializer)
    tensor.data_type = rng.choice(list(TensorProto.DataType.values()))
    if rng.random() < 0.5:
        tensor.ClearField("raw_data")
        tensor.string_data.extend([b"\xff", b"a"])


def _size(model: onnx.ModelProto, rng: random.Random) -> None:
    """A constant claims another shape."""
    dims = rng.choice(model.graph.initializer).dims
    for _ in range(rng.choice((1, 2))):
        if dims and rng.random() < 0.7:
            dims[rng.randrange(len(dims))] = rng.choice(_INTEGERS)
        else:
            dims.append(rng.choice(_INTEGERS))


def _end_shape(model: onnx.ModelProto, rng: random.Random) -> None:
    """An input or an output claims another shape or type."""
    value = rng.choice([*model.graph.input, *model.graph.output])
    held = value.type.tensor_type
    if rng.random() < 0.3:
        held.elem_type = rng.choice(list(TensorProto.DataType.values()))
    dim = rng.choice(held.shape.dim) if held.shape.dim else held.shape.dim.add()
    if rng.random() < 0.5:
        dim.dim_param = rng.choice(("N", "", "x" * 3000))
    else:
        dim.dim_value = rng.choice(_INTEGERS)


_SPECIAL: tuple[Callable[[onnx.ModelProto, random.Random], None], ...] = (
    _rewired,
    _rewired,
    _another_operator,
    _another_attribute,
    _subgraph,
    _function,
    _sparse,
    _texts,
    _size,
    _end_shape,
)
