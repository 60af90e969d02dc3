"""Imports of modules that take seconds, without looking for garbage among what they make."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Collects nothing while modules are imported, nor looks at what they made ever after.

    PyTorch and what comes with it make a quarter of a million objects that live to the end; to go
    through them again and again costs an export 0.6 s of processor time.
    """
    before = len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > before:  # else there may be garbage, which would be kept for good
            gc.freeze()
        gc.enable()
