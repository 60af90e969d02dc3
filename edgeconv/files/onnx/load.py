"""The one reader of ONNX files: a graph of any tool's file, or a clear refusal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import onnx_ir as ir
from google.protobuf.message import DecodeError
from onnx import inliner, shape_inference

from edgeconv.errors import ArtifactRefused

#: An ONNX file is one protobuf message, which cannot be larger.
_LARGEST_BYTES = 2**31 - 1
#: What the readers raise of a file that is damaged, or that contradicts itself.
_DAMAGE = (
    DecodeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    OSError,
    RuntimeError,  # the inliner, and a file nested past Python's stack
    shape_inference.InferenceError,
    onnx.checker.ValidationError,
)


def load(path: Path) -> ir.Model:
    """A file as it is; values in other files beside it stay there.

    Raises:
        ArtifactRefused: it is no ONNX file.
    """
    with refusing_damage(path):
        return ir.from_proto(_proto(path))


def load_inferred(path: Path) -> ir.Graph:
    """A file's main graph, local functions inlined, with every shape that can be inferred.

    Raises:
        ArtifactRefused: it is no ONNX file.
    """
    with refusing_damage(path):
        loaded = _proto(path)
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
    except _DAMAGE as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise ArtifactRefused(f"{path} is no ONNX file: {reason}") from error


def _proto(path: Path) -> onnx.ModelProto:
    size = path.stat().st_size
    if size > _LARGEST_BYTES:
        raise ValueError(f"of {size} bytes; one holds at most {_LARGEST_BYTES}")
    return onnx.load(path, load_external_data=False)
