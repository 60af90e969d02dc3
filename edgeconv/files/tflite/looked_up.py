"""Operators of a TFLite file that XNNPACK looks up, integer by integer.

    x (int8) -> DEQUANTIZE -> HARD_SWISH -> QUANTIZE -> y (int8)

reads as three operators and is run as one: of a function of a single int8 tensor XNNPACK computes
the 256 results when it loads the file. Nothing is ever there in float, so such three count as one
operator on integers, as a pair of quantize nodes around an operator does in ONNX.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from edgeconv.files.tflite.builtins.table import builtin
from edgeconv.files.tflite.file import TfliteOperator, TfliteTensor


def with_lookups(
    operators: Sequence[TfliteOperator], outputs: Iterable[TfliteTensor]
) -> tuple[TfliteOperator, ...]:
    """The operators, each three that are looked up as the middle one between its integers.

    Args:
        operators: of a file, in its order.
        outputs: what the file gives, which no operator need read.
    """
    readers = Counter(t.index for operator in operators for t in operator.inputs if t is not None)
    readers.update(tensor.index for tensor in outputs)
    makers = {t.index: place for place, o in enumerate(operators) for t in o.outputs}
    joined: dict[int, TfliteOperator | None] = {}
    for place, last in enumerate(operators):
        middle = _maker(last, operators, makers, readers)
        if last.code != "QUANTIZE" or middle is None or not _is_function(operators[middle]):
            continue
        first = _maker(operators[middle], operators, makers, readers)
        if first is None or operators[first].code != "DEQUANTIZE":
            continue
        given, made = operators[first].inputs, last.outputs
        if _is_int8(*given, *made):
            joined |= {first: None, middle: None}
            joined[place] = replace(operators[middle], inputs=given, outputs=made)
    found = (joined.get(place, operator) for place, operator in enumerate(operators))
    return tuple(operator for operator in found if operator is not None)


def _maker(
    operator: TfliteOperator,
    operators: Sequence[TfliteOperator],
    makers: dict[int, int],
    readers: Counter[int],
) -> int | None:
    """Place of the operator that computes the only input, which nothing else reads."""
    (*others, tensor) = operator.inputs or (None,)
    if others or tensor is None or readers[tensor.index] != 1:
        return None
    place = makers.get(tensor.index)
    return None if place is None or len(operators[place].outputs) != 1 else place


def _is_function(operator: TfliteOperator) -> bool:
    """Whether each value it gives hangs on one value that it reads, and XNNPACK computes it."""
    row = builtin(operator.code)
    return row.kind in ("activation", "arithmetic") and row.runs.floats == "xnnpack"


def _is_int8(*tensors: TfliteTensor | None) -> bool:
    return all(t is not None and t.type == "int8" and len(t.scale) == 1 for t in tensors)
