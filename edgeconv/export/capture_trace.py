"""Runs PyTorch's tracing exporter and says in a sentence what it refused."""

from __future__ import annotations

import io
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import onnx
import torch
from torch import nn
from torch.jit import TracerWarning  # type: ignore[attr-defined]  # public, but not in its __all__

from edgeconv.errors import NetRefused
from edgeconv.export.capture_data_flow import is_foreign
from edgeconv.export.capture_decompositions import Decompositions

OPSET = 17

#: Where the exporter's messages stop speaking of the net.
_BOILERPLATE = ("Please feel free to request", "[Caused by the value", "Please open a bug")

#: What PyTorch says of a weight that no module of the net holds.
_UNREGISTERED = "Cannot insert a Tensor that requires grad as a constant"

#: What a user's module, or PyTorch on its behalf, may raise.
FOREIGN_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def trace(module: nn.Module, example: torch.Tensor, outputs: list[str]) -> onnx.ModelProto:
    """The module as the exporter's raw ONNX graph.

    The tracing exporter is asked, not the newer one over torch.export: it takes a tenth of the time
    and names every node after its module.

    Raises:
        NetRefused: the exporter gave up; says on what.
    """
    buffer = io.BytesIO()
    with warnings.catch_warnings(), _stdout_discarded(), Decompositions():
        # Tracing is deprecated in favour of torch.export; its warnings on Python values are
        # settled before, by following the data.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", TracerWarning)
        warnings.filterwarnings("ignore", category=UserWarning, module=r"torch\.onnx")
        try:
            torch.onnx.export(
                module,
                (example,),
                cast(str, buffer),  # a file-like object is taken too, the signature leaves it out
                dynamo=False,
                opset_version=OPSET,
                input_names=["input"],
                output_names=outputs,
            )
        except FOREIGN_ERRORS as error:
            if _UNREGISTERED in str(error):
                raise NetRefused(
                    f"the net computes with weights of a module that is none of its own"
                    f"{_where(error)}; make it one: self.name = module in __init__"
                ) from error
            raise NetRefused(f"the net cannot be exported to ONNX: {reason(error)}") from error
    return onnx.load_from_string(buffer.getvalue())


@contextmanager
def _stdout_discarded() -> Iterator[None]:
    """Drops what native code writes to standard output: a failing export dumps its whole graph."""
    sys.stdout.flush()
    try:
        real = os.dup(1)
    except OSError:  # standard output is closed: nothing to keep clean
        yield
        return
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)
    os.close(sink)
    try:
        yield
    finally:
        os.dup2(real, 1)
        os.close(real)


def reason(error: BaseException) -> str:
    """The error's type and first line, and the line of the net it rose at."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else "no reason given"
    for boilerplate in _BOILERPLATE:
        text = text.partition(boilerplate)[0]
    text = text.strip().rstrip(".")
    return f"{type(error).__name__}: {text}{_where(error)}"


def _where(error: BaseException) -> str:
    """The line of the net it rose at, in brackets; empty where there is none."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if is_foreign(f.filename)]
    return f" (at {frames[-1].filename}:{frames[-1].lineno})" if frames else ""
