"""Records of raw tensors in a file: what a host pushes to a device, and what comes back.

A record is every tensor in the model's own order, row-major, little-endian, nothing between them;
the model file itself says their shapes and types.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import UsageError
from edgeconv.runtime.session import TensorSpec

Record = list[NDArray[Any]]


def size_of(specs: Sequence[TensorSpec]) -> int:
    """Bytes of one record."""
    return sum(math.prod(spec.shape) * spec.dtype.itemsize for spec in specs)


def write(path: Path, records: Iterable[Sequence[NDArray[Any]]]) -> None:
    """Writes records one after another, as they come."""
    with path.open("wb") as file:
        for record in records:
            for array in record:
                file.write(_little_endian(array))


def read(path: Path, specs: Sequence[TensorSpec], count: int) -> Iterator[Record]:
    """Reads `count` records, one at a time.

    Raises:
        UsageError: the file is not of exactly that size.
    """
    wanted = count * size_of(specs)
    with path.open("rb") as file:
        held = path.stat().st_size
        if held != wanted:
            raise UsageError(f"{path.name} holds {held} bytes; {count} records take {wanted}")
        for _ in range(count):
            yield [_array(file.read(size_of([spec])), spec) for spec in specs]


def _little_endian(array: NDArray[Any]) -> bytes:
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _array(data: bytes, spec: TensorSpec) -> NDArray[Any]:
    stored = np.frombuffer(data, spec.dtype.newbyteorder("<")).reshape(spec.shape)
    return stored.astype(spec.dtype)
