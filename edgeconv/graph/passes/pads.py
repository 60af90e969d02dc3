"""Folds explicit padding into the convolutions and pools that read it.

    Pad (0, 0, 0, 0, 0, 0, 1, 1) -> Conv pads (0, 0, 0, 0)   becomes   Conv pads (0, 0, 1, 1)

Padding has one value for each operator: a convolution and an average pool that counts it see zeros,
a max-pool sees nothing. What is padded by another value stays a Pad.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import onnx_ir as ir

from edgeconv.graph.view import constant_of, integer, ints, shape_of, string

#: Every number is at least this: float32's lowest.
_LOWEST = float(np.finfo(np.float32).min)


def fold_pads(model: ir.Model) -> None:
    """Removes every Pad along the image's axes whose readers can all add its values themselves."""
    for node in tuple(model.graph):
        padding = padding_of(node)
        output = node.outputs[0]
        if padding is None or output.is_graph_output():
            continue
        value, pads = padding
        readers = [use.node for use in output.uses()]
        if not all(_takes(reader, output, value, pads) for reader in readers):
            continue
        for reader in readers:
            reader.attributes["pads"] = ir.AttrInt64s("pads", _total(reader, pads))
            if reader.op_type == "AveragePool":
                reader.attributes["count_include_pad"] = ir.AttrInt64("count_include_pad", 1)
            reader.replace_input_with(0, node.inputs[0])
        model.graph.remove(node, safe=True)


def padding_of(node: ir.Node) -> tuple[float, tuple[int, ...]] | None:
    """(value, pads of the image's axes: all before, then all behind) of a Pad.

    None for anything else than a known, non-negative amount of one known number.
    """
    if node.op_type != "Pad" or string(node, "mode", "constant") != "constant":
        return None
    rank = len(shape_of(node.outputs[0]))
    if rank < 3 or len(node.inputs) > 3:
        return None
    given = node.inputs[2] if len(node.inputs) > 2 else None
    value, pads = constant_of(given), constant_of(node.inputs[1])
    if pads is None or (given is not None and value is None) or np.any(pads < 0):
        return None
    before, after = pads[:rank], pads[rank:]
    if np.any(before[:2]) or np.any(after[:2]):
        return None
    amounts = tuple(int(amount) for amount in (*before[2:], *after[2:]))
    return (0.0 if value is None else float(value.reshape(-1)[0])), amounts


def _total(reader: ir.Node, pads: Sequence[int]) -> list[int]:
    own = ints(reader, "pads", (0,) * len(pads))
    return [a + b for a, b in zip(own, pads, strict=True)]


def _takes(reader: ir.Node, padded: ir.Value, value: float, pads: Sequence[int]) -> bool:
    rule = _RULES.get(reader.op_type)
    return (
        rule is not None
        and reader.inputs[0] is padded
        and all(other is not padded for other in reader.inputs[1:])
        and rule(reader, value, pads)
    )


def _conv_takes(_: ir.Node, value: float, __: Sequence[int]) -> bool:
    return value == 0.0


def _average_takes(reader: ir.Node, value: float, pads: Sequence[int]) -> bool:
    """Not where its own padding does not count, for all padding would."""
    counts = integer(reader, "count_include_pad", 0) == 1
    return value == 0.0 and (counts or not any(ints(reader, "pads", ()))) and fits(reader, pads)


def _maximum_takes(reader: ir.Node, value: float, pads: Sequence[int]) -> bool:
    return value <= _LOWEST and len(reader.outputs) == 1 and fits(reader, pads)


def fits(reader: ir.Node, pads: Sequence[int]) -> bool:
    """Whether a pool takes so much padding: less than its kernel, and rounding its size down.

    Rounding up, it would leave out windows that start in its padding, which are windows here.
    """
    kernel = ints(reader, "kernel_shape", ())
    least = min(k - p for k, p in zip((*kernel, *kernel), _total(reader, pads), strict=True))
    return least > 0 and not integer(reader, "ceil_mode", 0)


_RULES: Mapping[str, Callable[[ir.Node, float, Sequence[int]], bool]] = MappingProxyType(
    {"Conv": _conv_takes, "AveragePool": _average_takes, "MaxPool": _maximum_takes}
)
