"""Sizes and settings as plain numbers: inside of a decomposition a trace holds sizes as tensors.

Arithmetic on such tensors rounds otherwise, and makes constants of types that nobody asked for.
What a net itself reads of sizes is plain already (`capture.constants`).
"""

from __future__ import annotations

from typing import Any

from torch import Tensor


def shape_of(x: Tensor) -> tuple[int, ...]:
    """A tensor's sizes."""
    return tuple(int(size) for size in x.shape)


def each_axis(setting: Any, rank: int) -> list[int]:
    """A setting that is one number for all axes, or one for each, such as a kernel's size."""
    given: Any = setting if isinstance(setting, (tuple, list)) else [setting]
    numbers = [int(number) for number in given]
    return numbers * rank if len(numbers) == 1 else numbers
