"""LSTMs whose hidden state is projected, which neither PyTorch's exporter nor ONNX has.

The gates of a step see the state of the one before as W_hh (W_hr s): an LSTM that keeps s, before
its projection, with W_hh W_hr as its weight, gives the same cell states; its output is projected
once for all steps.
"""

# ruff: noqa: A002 - callers may name the arguments as PyTorch does, `input` among them

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from edgeconv.errors import NetRefused

_States = tuple[Tensor, Tensor, Tensor]


def lstm(input: Tensor, hx: Any, *arguments: Any) -> _States:
    """`torch.lstm`: (outputs, last hidden states, last cell states).

    Raises:
        NetRefused: the hidden state is projected, and begins with something else than zeros.
    """
    if isinstance(hx, Tensor):  # sequences of several lengths, packed
        return torch.lstm(input, hx, *arguments)
    weights, has_biases, layers, *_, is_bidirectional, batch_first = arguments
    directions = 2 if is_bidirectional else 1
    each = len(weights) // (layers * directions)
    if each != (5 if has_biases else 3):
        return torch.lstm(input, hx, *arguments)
    if bool(torch.any(hx[0])):
        raise NetRefused(
            "an LSTM with proj_size begins with a hidden state of its own; begin with zeros, or "
            "leave out proj_size"
        )
    x, hidden, cells = input, [], []
    for layer in range(layers):
        rows = slice(layer * directions, (layer + 1) * directions)
        group = weights[rows.start * each : rows.stop * each]
        apart = [group[i * each : (i + 1) * each] for i in range(directions)]
        x, last, cell = _projected(x, hx[1][rows], apart, has_biases, batch_first)
        hidden.append(last)
        cells.append(cell)
    return x, torch.cat(hidden), torch.cat(cells)


def _projected(
    x: Tensor,
    cells: Tensor,
    weights: Sequence[Sequence[Tensor]],
    has_biases: bool,
    batch_first: bool,
) -> _States:
    """One layer; `weights` of each direction end with the projection, (proj_size, hidden)."""
    projections = [each[-1] for each in weights]
    whole = [
        weight
        for (of_input, of_state, *biases), projection in zip(
            [each[:-1] for each in weights], projections, strict=True
        )
        for weight in (of_input, of_state @ projection, *biases)
    ]
    options = (has_biases, 1, 0.0, False, len(weights) == 2, batch_first)
    given, last, cell = torch.lstm(x, (torch.zeros_like(cells), cells), whole, *options)
    parts = given.chunk(len(weights), -1)
    outputs = [functional.linear(*pair) for pair in zip(parts, projections, strict=True)]
    ends = [functional.linear(*pair) for pair in zip(last, projections, strict=True)]
    return torch.cat(outputs, -1), torch.stack(ends), cell


RECURRENT: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType({torch.lstm: lstm})
