"""What a trace is told of values otherwise than by the operators that compute them."""

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


def trace_as(tensor: torch.Tensor, value: torch.Tensor) -> None:
    """From here on the trace takes a tensor for the value that it has recorded of another."""
    recorded = torch._C._get_value_trace(value)  # type: ignore[attr-defined]  # the tracer's own
    torch._C._set_value_trace(tensor, recorded)  # type: ignore[attr-defined]
