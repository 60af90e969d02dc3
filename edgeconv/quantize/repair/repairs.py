"""What repairs did to single channels: how to read an int8 file's tensors as the float net's.

    channel c of a tensor of the int8 file + offset[c] = factor[c] * what the float net has there

where, if c is a copy, "there" is the channel that it is a copy of. A swish among `swishes` has one
tensor more in the int8 file: what its sigmoid reads, as the float net has it. The swishes that are
`divided` have a layer, an argument and a swish for each part of their channels; of the tensors
with an order of their own channel c is the float net's channel order[c], before all of the above.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import BundleRefused

#: No tensor has as many channels.
MOST_CHANNELS = 2**24
#: Tensor -> what each channel was multiplied by; 1 where a tensor is missing.
Factors = Mapping[str, tuple[float, ...]]
#: Tensor -> channel that was free -> the channel it is a copy of.
Copies = Mapping[str, Mapping[int, int]]
#: Tensor -> what was taken out of each channel, on the scale of the int8 file.
Offsets = Mapping[str, tuple[float, ...]]
#: Swish -> how many channels each of its parts has.
Sizes = Mapping[str, tuple[int, ...]]
#: Tensor -> for each channel of the int8 file which one of the float net's it is.
Orders = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Repairs:
    """What repairs did to a graph's tensors.

    Attributes:
        factors: of the channels that were scaled (`equalize`).
        copies: channels that hold another channel's values (`reuse`).
        offsets: what is missing in each channel (`center`).
        swishes: tensors of swishes that got an argument of their own (`swish`).
        divided: those of them that were divided (`divide`).
        orders: of the tensors that follow one of these.
    """

    factors: Factors = field(default_factory=dict)
    copies: Copies = field(default_factory=dict)
    offsets: Offsets = field(default_factory=dict)
    swishes: tuple[str, ...] = ()
    divided: Sizes = field(default_factory=dict)
    orders: Orders = field(default_factory=dict)

    def and_then(self, later: Repairs) -> Repairs:
        """These and those done after them; no tensor is copied twice, or shifted twice, or put into
        another order after something else was done to it."""
        factors, offsets = dict(self.factors), dict(self.offsets)
        for name, of in later.factors.items():
            factors[name] = _times(factors.get(name, (1.0,) * len(of)), of)
            if name in offsets:
                offsets[name] = _times(offsets[name], of)
        for name, copied in later.copies.items():
            if name in factors:
                held = factors[name]
                factors[name] = tuple(held[copied.get(c, c)] for c in range(len(held)))
        return Repairs(
            factors,
            {**self.copies, **later.copies},
            {**offsets, **later.offsets},
            (*self.swishes, *later.swishes),
            {**self.divided, **later.divided},
            {**self.orders, **later.orders},
        )

    def to_json(self) -> dict[str, Any]:
        """For the manifest, on a line a tensor or a copy: numbers in one string, to six digits."""
        return {
            "factors": {name: _written(of) for name, of in self.factors.items()},
            "copies": {
                name: {str(slot): source for slot, source in sorted(of.items())}
                for name, of in self.copies.items()
            },
            "offsets": {name: _written(of) for name, of in self.offsets.items()},
            "swishes": list(self.swishes),
            "divided": {name: _listed(of) for name, of in self.divided.items()},
            "orders": {name: _listed(of) for name, of in self.orders.items()},
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
            factors, offsets = (
                {str(name): _read(numbers) for name, numbers in document[kind].items()}
                for kind in ("factors", "offsets")
            )
            swishes = tuple(map(_name, document["swishes"]))
            divided, orders = (
                {str(name): _channels(numbers) for name, numbers in document[kind].items()}
                for kind in ("divided", "orders")
            )
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise BundleRefused(
                "the repairs in quantization.json were altered: copies give a channel for "
                "a channel, factors, offsets, sizes and orders are numbers in a string, swishes "
                "are names; export the net again"
            ) from error
        if any(factor <= 0 for of in factors.values() for factor in of):
            raise BundleRefused(
                "the repairs in quantization.json were altered: a factor is not above zero; "
                "export the net again"
            )
        if any(set(found) & set(found.values()) for found in copies.values()):
            raise BundleRefused(
                "the repairs in quantization.json were altered: a channel copies a copy; export "
                "the net again"
            )
        return cls(factors, copies, offsets, swishes, divided, orders)


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _channel(value: Any) -> int:
    if type(value) is not int or not 0 <= value < MOST_CHANNELS:
        raise ValueError(value)
    return value


def _listed(channels: Iterable[int]) -> str:
    return " ".join(map(str, channels))


def _channels(numbers: str) -> tuple[int, ...]:
    return tuple(_channel(int(number)) for number in numbers.split())


def _times(ones: Iterable[float], others: Iterable[float]) -> tuple[float, ...]:
    return tuple(one * other for one, other in zip(ones, others, strict=True))


def _written(numbers: Iterable[float]) -> str:
    return " ".join(f"{number:.6g}" for number in numbers)


def _read(numbers: str) -> tuple[float, ...]:
    found = tuple(map(float, numbers.split()))
    if not all(map(math.isfinite, found)):
        raise ValueError(numbers)
    return found


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
