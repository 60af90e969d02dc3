"""The pieces of a TFLite file that XNNPACK runs, and what runs outside of them.

LiteRT hands operators that its delegate takes over to it in pieces. Around each operator that the
delegate does not take there is a hand-over, and LiteRT's own kernel is often many times slower.
What is taken stands in the operators' rows; `tests/files/test_partitions.py` asks LiteRT itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from edgeconv.files.operations import Partitions
from edgeconv.files.tflite.builtins.operator import Limit, Runner
from edgeconv.files.tflite.builtins.table import builtin
from edgeconv.files.tflite.file import TfliteFile, TfliteOperator, TfliteTensor, options_of

_INTEGERS = ("int8", "uint8")
#: Types of shapes, axes and the like.
_SETTINGS = frozenset({"int32", "int64"})


def partitions(file: TfliteFile) -> Partitions:
    """The pieces of a file, as LiteRT divides it with XNNPACK on a CPU."""
    runners = [runner(operator) for operator in file.operators]
    outside = Counter(
        operator.code
        for operator, found in zip(file.operators, runners, strict=True)
        if found == "kernel"
    )
    return Partitions(_pieces(file.operators, runners), dict(outside.most_common()))


def runner(operator: TfliteOperator) -> Runner:
    """What runs an operator: XNNPACK, or a kernel of LiteRT's own."""
    row = builtin(operator.code)
    if any(_LIMITS[limit](operator) for limit in row.limits):
        return "kernel"
    first = _first(operator)
    if row.kind == "conversion" and first is not None and first.is_constant:
        return "xnnpack"  # it widens a weight at loading
    if all(tensor.type in _SETTINGS for tensor in operator.outputs):
        return "kernel"  # XNNPACK moves reals alone
    tensors = (t for t in (*operator.inputs, *operator.outputs) if t is not None)
    types = {t.type for t in tensors if not t.is_constant} - _SETTINGS
    if types <= {"float32"}:
        return row.runs.floats or "kernel"
    return (row.runs.int8 or "kernel") if types <= {"float32", *_INTEGERS} else "kernel"


def _pieces(operators: Sequence[TfliteOperator], runners: Sequence[Runner]) -> int:
    """Pieces by TensorFlow Lite's own rule (lite/graph_info.cc).

    A piece takes every operator of its runner for which all is there; then comes one of the other
    runner. So an operator is in the first piece of its runner that does not come before those that
    write what it reads.
    """
    piece_of: dict[int, int] = {}
    pieces = set()
    for operator, found in zip(operators, runners, strict=True):
        piece = max((piece_of.get(t.index, 0) for t in operator.inputs if t is not None), default=0)
        if (found == runners[0]) != (piece % 2 == 0):
            piece += 1
        piece_of.update((tensor.index, piece) for tensor in operator.outputs)
        if found == "xnnpack":
            pieces.add(piece)
    return len(pieces)


def _first(operator: TfliteOperator) -> TfliteTensor | None:
    return operator.inputs[0] if operator.inputs else None


def _steps(operator: TfliteOperator) -> bool:
    steps = operator.inputs[3] if len(operator.inputs) > 3 else None
    return steps is None or steps.data is None or bool((steps.data != 1).any())


def _one_pixel(operator: TfliteOperator) -> bool:
    options = options_of(operator)
    return bool(options.filterHeight == options.filterWidth == 1)


def _second_zero_point(operator: TfliteOperator) -> bool:
    second = operator.inputs[1] if len(operator.inputs) > 1 else None
    return second is not None and bool(second.zero_point.any())


def _other_integers(operator: TfliteOperator) -> bool:
    types = {t.type for t in (*operator.inputs, *operator.outputs) if t is not None}
    return len(types) > 1 and types <= set(_INTEGERS)


def _float_by_int8(operator: TfliteOperator) -> bool:
    layer = builtin(operator.code).layer
    if layer is None or len(operator.inputs) <= max(layer.source, layer.weight):
        return False
    source, weight = operator.inputs[layer.source], operator.inputs[layer.weight]
    if source is None or weight is None:
        return False
    return source.type == "float32" and weight.type in _INTEGERS


_LIMITS: Mapping[Limit, Callable[[TfliteOperator], bool]] = MappingProxyType(
    {
        "over 5 inputs": lambda o: len(o.inputs) > 5,
        "over 4 outputs": lambda o: len(o.outputs) > 4,
        "steps": _steps,
        "one pixel": _one_pixel,
        "second zero point": _second_zero_point,
        "other integers": _other_integers,
        "float by int8": _float_by_int8,
    }
)
