"""Values that the graph holds as constants, however they were computed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def untraced() -> Iterator[None]:
    """What is computed inside is a constant of the graph; no operator of it is recorded."""
    state = torch._C._get_tracing_state()
    torch._C._set_tracing_state(None)  # type: ignore[attr-defined]  # what the tracer itself does
    try:
        yield
    finally:
        torch._C._set_tracing_state(state)  # type: ignore[attr-defined]
