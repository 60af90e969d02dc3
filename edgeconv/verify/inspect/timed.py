"""The times of an engine's profile, by the operators of the TFLite file.

XNNPACK tells of the operators that it made, without the names of those in the file. It keeps their
order, joins some (a PAD, a DEQUANTIZE of weights) with what follows, and puts in some of its own.
So both lists are laid beside each other, in order, in the way that pairs the most of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeconv.files.read import read_operations
from edgeconv.files.tflite.xnnpack_names import made_of
from edgeconv.runtime.results import Profile


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
    pairs = _paired([made_of(each.kind) for each in told], [each.type for each in held])
    ms = {held[place].name: told[event].ms for event, place in pairs}
    whole = sum(each.ms for each in told)
    return TimedOperators(ms, sum(ms.values()) / whole if whole else 0.0)


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
