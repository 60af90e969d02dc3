"""What repairs did to single channels, beyond scaling them: how to read an int8 file's tensors.

Channel scales need no record, the weights tell them. Offsets and copies do not show there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import BundleRefused

#: No tensor has as many channels.
MOST_CHANNELS = 2**24
#: Tensor -> channel that was free -> the channel it is a copy of.
Copies = Mapping[str, Mapping[int, int]]
#: Tensor -> what was taken out of each channel, on the scale of the int8 file.
Offsets = Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class Repairs:
    """What repairs did to a graph's tensors.

    Attributes:
        copies: channels that hold another channel's values (`reuse`).
        offsets: what is missing in each channel (`center`).
    """

    copies: Copies = field(default_factory=dict)
    offsets: Offsets = field(default_factory=dict)

    def and_then(self, later: Repairs) -> Repairs:
        """These and those done after them; no step repairs the tensors of another one's."""
        return Repairs({**self.copies, **later.copies}, {**self.offsets, **later.offsets})

    def to_json(self) -> dict[str, Any]:
        """For the manifest, on a line a tensor or a copy: offsets in one string, to six digits."""
        return {
            "copies": {
                name: {str(slot): source for slot, source in sorted(of.items())}
                for name, of in self.copies.items()
            },
            "offsets": {
                name: " ".join(f"{offset:.6g}" for offset in of)
                for name, of in self.offsets.items()
            },
        }

    @classmethod
    def from_json(cls, document: Any) -> Repairs:
        """The inverse of `to_json`.

        Raises:
            BundleRefused: the document has another form.
        """
        try:
            copies = {
                str(name): {_channel(int(slot)): _channel(of) for slot, of in found.items()}
                for name, found in document["copies"].items()
            }
            offsets = {
                str(name): tuple(_finite(float(number)) for number in numbers.split())
                for name, numbers in document["offsets"].items()
            }
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise BundleRefused(
                "the manifest's quantization.repairs was altered: copies give a channel for "
                "a channel, offsets are numbers in a string; export the net again"
            ) from error
        if any(set(found) & set(found.values()) for found in copies.values()):
            raise BundleRefused(
                "the manifest's quantization.repairs was altered: a channel copies a copy; export "
                "the net again"
            )
        return cls(copies, offsets)


def _channel(value: Any) -> int:
    if type(value) is not int or not 0 <= value < MOST_CHANNELS:
        raise ValueError(value)
    return value


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(value)
    return value


def sources(copies: Mapping[int, int], channels: int) -> NDArray[np.int64]:
    """Which channel each one is a copy of, itself where it is none, (channels,).

    Raises:
        BundleRefused: there is no such channel.
    """
    of = np.arange(channels)
    for slot, source in copies.items():
        if max(slot, source) >= channels:
            raise BundleRefused(
                f"the manifest has a copy of channel {source} in {slot} of {channels}; "
                "export the net again"
            )
        of[slot] = source
    return of
