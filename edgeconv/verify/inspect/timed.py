"""The times of an engine's profile, by the operators of the TFLite file.

XNNPACK tells of the operators that it made, without the names of those in the file. It keeps their
order, joins some (a PAD, a DEQUANTIZE of weights) with what follows, and puts in some of its own.
So both lists are laid beside each other, in order, in the way that pairs the most of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from edgeconv.files.read import read_operations
from edgeconv.runtime.results import Profile

_LAYERS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"})
_VIEWS = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS"})
#: What XNNPACK makes of operators that it calls otherwise.
_MADE_OF: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "Fully Connected": _LAYERS,
        "Dynamic Fully Connected": _LAYERS,
        "Convolution": _LAYERS,
        "Deconvolution": _LAYERS,
        "Batch Matrix Multiply": frozenset({"BATCH_MATMUL"}),
        "Convert": frozenset({"QUANTIZE", "DEQUANTIZE", "CAST"}),
        "Max Pooling": frozenset({"MAX_POOL_2D"}),
        "Average Pooling": frozenset({"AVERAGE_POOL_2D"}),
        "Mean": frozenset({"MEAN"}),
        "Sum": frozenset({"SUM", "MEAN"}),
        "Slice": frozenset({"SLICE", "STRIDED_SLICE", "SPLIT"}),
        "Copy": frozenset({"CONCATENATION", "SPLIT"}) | _VIEWS,
        "Static Reshape": _VIEWS,
        "Static Expand Dims": _VIEWS,
        "Constant Pad": frozenset({"PAD", "PADV2"}),
        "Subtract": frozenset({"SUB"}),
        "Multiply": frozenset({"MUL"}),
        "Divide": frozenset({"DIV"}),
        "Negate": frozenset({"NEG"}),
        "Square Root": frozenset({"SQRT"}),
        "Reciprocal Square Root": frozenset({"RSQRT"}),
        "Sigmoid": frozenset({"LOGISTIC"}),
        "Sine": frozenset({"SIN"}),
        "Cosine": frozenset({"COS"}),
        "Power": frozenset({"POW"}),
        "Modulus": frozenset({"FLOOR_MOD"}),
        "Ceiling": frozenset({"CEIL"}),
        "Bankders Rounding": frozenset({"ROUND"}),
        "Clamp": frozenset({"RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "MINIMUM", "MAXIMUM"}),
        "ApproxGELU": frozenset({"GELU"}),
    }
)


@dataclass(frozen=True)
class TimedOperators:
    """What operators of a file take.

    Attributes:
        ms: of each operator that the profile tells of, by the tensor that it writes.
        share: of the profile's whole time.
    """

    ms: Mapping[str, float]
    share: float


def timed_operators(path: Path, profile: Profile) -> TimedOperators:
    """A profile's times by the operators of the TFLite file that it is of.

    Raises:
        ArtifactRefused: the file cannot be read.
    """
    held = read_operations(path).operations
    told = profile.operators
    pairs = _paired([_types(each.kind) for each in told], [each.type for each in held])
    ms = {held[place].name: told[event].ms for event, place in pairs}
    whole = sum(each.ms for each in told)
    return TimedOperators(ms, sum(ms.values()) / whole if whole else 0.0)


def _types(kind: str) -> frozenset[str]:
    """TFLite's operators that an operator of XNNPACK, or of LiteRT itself, may be made of."""
    name = kind.partition(" (")[0]
    same = re.sub(r"[^A-Z0-9]", "", name.upper())
    return _MADE_OF.get(name, frozenset({same}))


def _paired(events: Sequence[frozenset[str]], types: Sequence[str]) -> list[tuple[int, int]]:
    """Places in both lists, in order, of the most pairs that fit; the longest common subsequence.

    Of several such ways it is the one that pairs each event with the last that fits: what XNNPACK
    joins stands before what it is joined with.
    """
    bare = [each.replace("_", "") for each in types]
    fits = [
        [t in event or b in event for t, b in zip(types, bare, strict=True)] for event in events
    ]
    most = [[0] * (len(types) + 1) for _ in range(len(events) + 1)]
    for i, row in enumerate(fits):
        for j, fit in enumerate(row):
            most[i + 1][j + 1] = most[i][j] + 1 if fit else max(most[i][j + 1], most[i + 1][j])
    pairs = []
    i, j = len(events), len(types)
    while i and j:
        if fits[i - 1][j - 1]:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif most[i - 1][j] >= most[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return pairs[::-1]
