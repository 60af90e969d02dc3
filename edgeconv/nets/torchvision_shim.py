"""The one place that imports torchvision.

Its wheel for Linux is built for CUDA: beside a CPU-only torch its native library cannot load, and
the import fails on operators the library would have registered. Nothing here calls those operators,
so their schemas alone are enough. They are registered only after such a failure, for beside a
working library a second registration aborts the process.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import torch

from edgeconv.errors import UnavailableError

_OPERATORS = ("nms", "qnms")
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def import_torchvision() -> ModuleType:
    """Import torchvision, with or without its native library.

    Raises:
        UnavailableError: it is not installed, or broken in another way.
    """
    try:
        return _import()
    except RuntimeError as error:
        if not is_missing_operator(error):
            raise UnavailableError(f"torchvision cannot be imported: {error}") from error
    _forget_half_imported()
    _register_schemas()
    try:
        return _import()
    except RuntimeError as error:
        raise UnavailableError(
            f"torchvision does not fit torch {torch.__version__}: {error}"
        ) from error


def is_missing_operator(error: BaseException) -> bool:
    """Whether an import failed for want of torchvision's native library."""
    text = str(error)
    return "operator torchvision::" in text and "does not exist" in text


def _import() -> ModuleType:
    try:
        return importlib.import_module("torchvision")
    except ImportError as error:
        raise UnavailableError(
            f"torchvision cannot be imported ({error}); install it: pip install torchvision"
        ) from error


def _register_schemas() -> None:
    for name in _OPERATORS:
        if not hasattr(torch.ops.torchvision, name):
            torch.library.define(f"torchvision::{name}", _SCHEMA)


def _forget_half_imported() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
