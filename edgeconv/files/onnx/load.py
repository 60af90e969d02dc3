"""The one reader of ONNX files: a graph of any tool's file, or a clear refusal."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import onnx_ir as ir
from google.protobuf.message import DecodeError, Message
from onnx import inliner, shape_inference

from edgeconv.errors import ArtifactRefused
from edgeconv.runtime import external_data, onnx_functions

#: An ONNX file is one protobuf message, which cannot be larger.
_LARGEST_BYTES = 2**31 - 1
#: What the readers raise of a file that is damaged, or that contradicts itself.
DAMAGE = (
    DecodeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    RuntimeError,  # the inliner, and a file nested past Python's stack
    shape_inference.InferenceError,
    onnx.checker.ValidationError,
)


def load(path: Path) -> ir.Model:
    """A file as it is, with the values that it keeps in other files.

    Raises:
        ArtifactRefused: it is no ONNX file, or reaches for files outside its folder.
    """
    with refusing_damage(path):
        return ir.from_proto(load_proto(path))


def load_inferred(path: Path) -> ir.Graph:
    """A file's main graph, local functions inlined, with every shape that can be inferred.

    Raises:
        ArtifactRefused: it is no ONNX file.
    """
    with refusing_damage(path):
        loaded = load_proto(path)
        if not loaded.HasField("graph") or not loaded.graph.output:
            raise ValueError("it holds no graph")
        if loaded.functions:
            loaded = inliner.inline_local_functions(loaded)
        return ir.from_proto(shape_inference.infer_shapes(loaded)).graph


@contextmanager
def refusing_damage(path: Path) -> Iterator[None]:
    """Refuses a file over whose content the block stumbles."""
    try:
        yield
    except (*DAMAGE, OSError) as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise ArtifactRefused(f"{path} is no ONNX file: {reason}") from error


def load_proto(path: Path) -> onnx.ModelProto:
    """A file's message, with the values that it keeps in other files.

    Raises:
        ArtifactRefused: it is no ONNX file, or reaches for files outside its folder.
    """
    with refusing_damage(path):
        if not path.is_file():
            raise ValueError("it is no regular file")
        size = path.stat().st_size
        if size > _LARGEST_BYTES:
            raise ValueError(f"of {size} bytes; one holds at most {_LARGEST_BYTES}")
        external_data.check(path)  # with its budgets, before anything is made of it
        model = onnx.load(path, load_external_data=False)
        _check_texts(model)
        _check_length(model)
        outside = [t for t in _tensors(model) if t.external_data or _is_elsewhere(t)]
        stored = [
            external_data.stored(path, [(entry.key, entry.value) for entry in tensor.external_data])
            for tensor in outside
        ]
        for tensor, place in zip(outside, stored, strict=True):
            _bring(tensor, place)
        return model


@contextmanager
def self_contained(path: Path) -> Iterator[Path]:
    """A file that needs no other: `path` itself, or a copy with all values while this is open.

    Raises:
        ArtifactRefused: it is no ONNX file, or reaches for files outside its folder.
    """
    if path.suffix.lower() != ".onnx" or not external_data.check(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as held:
        copy = Path(held) / path.name
        copy.write_bytes(_assembled(path))
        yield copy


def whole_bytes(path: Path) -> bytes:
    """A file's bytes with the values that it keeps in other files; otherwise as they are.

    Raises:
        ArtifactRefused: it is no ONNX file, or reaches for files outside its folder.
    """
    with refusing_damage(path):
        return _assembled(path) if external_data.check(path) else path.read_bytes()


def _assembled(path: Path) -> bytes:
    """One message with all values."""
    with refusing_damage(path):  # one of more than 2 GiB is a ValueError
        assembled: bytes = load_proto(path).SerializeToString()
        return assembled


def _is_elsewhere(tensor: onnx.TensorProto) -> bool:
    return bool(tensor.data_location == onnx.TensorProto.EXTERNAL)


def _bring(tensor: onnx.TensorProto, place: external_data.Stored) -> None:
    """Reads a tensor's values into it."""
    if _is_elsewhere(tensor):
        with place.file.open("rb") as file:
            file.seek(place.offset)
            tensor.raw_data = file.read(place.length)
    tensor.ClearField("data_location")
    tensor.ClearField("external_data")


def _tensors(message: Message) -> Iterator[onnx.TensorProto]:
    """Every tensor in a message, wherever the format can hold one."""
    return (one for one in _messages(message) if isinstance(one, onnx.TensorProto))


def _messages(message: Message) -> Iterator[Message]:
    """A message and every one in it, but for those in tensors, whose fields would be copied."""
    yield message
    if isinstance(message, onnx.TensorProto):
        return
    for field, held in message.ListFields():
        if field.message_type is not None:
            for inner in (held,) if isinstance(held, Message) else held:
                yield from _messages(inner)


def _check_length(model: onnx.ModelProto) -> None:
    """Raises ValueError for more nodes than any net has, once every call of a function is one."""
    bodies = (
        ((one.domain, one.name), Counter(map(_called, nodes_in(one)))) for one in model.functions
    )
    calls = Counter(map(_called, nodes_in(model.graph)))
    onnx_functions.require_few_nodes(onnx_functions.merged(bodies), calls)


def nodes_in(message: Message) -> Iterator[onnx.NodeProto]:
    """Every node in a message, those of graphs inside of nodes too."""
    return (one for one in _messages(message) if isinstance(one, onnx.NodeProto))


def _called(node: onnx.NodeProto) -> onnx_functions.Name:
    return node.domain, node.op_type


def _check_texts(model: onnx.ModelProto) -> None:
    """Raises ValueError for a name that is no UTF-8, which protobuf hands on as bytes."""
    for message in _messages(model):
        if isinstance(message, onnx.TensorProto):
            texts = [message.name, *(part.value for part in message.external_data)]
        else:
            fields = [pair for pair in message.ListFields() if pair[0].type == pair[0].TYPE_STRING]
            texts = [one for f, held in fields for one in (held if f.is_repeated else (held,))]
        if not all(isinstance(text, str) for text in texts):
            raise ValueError(f"a name in its {type(message).__name__} is no UTF-8 text")
