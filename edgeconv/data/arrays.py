"""Samples of nets that are fed tensors: a file each, which may come from anywhere.

    x.npy   the one input of a net
    x.npz   every input under its name; beside them `label`, a class index, where there is one

Arrays are float32 and of an input's shape, without the batch axis. Headers are checked before any
array is read (`data.npz`), and nothing is unpickled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeconv.data.inputs import InputSpec
from edgeconv.data.npz import Header, NotNpz, Npy, Npz
from edgeconv.errors import RefusedError

SUFFIXES = (".npy", ".npz")
"""Endings, in lower case, of the files taken for samples in a folder."""

LABEL = "label"
"""The array of a sample that holds its class index."""


def check_arrays(path: Path, inputs: Sequence[InputSpec]) -> None:
    """Raises RefusedError where a file's headers are not those of one sample; names it."""
    with _opened(path, inputs):
        pass


def load_arrays(path: Path, inputs: Sequence[InputSpec]) -> dict[str, NDArray[np.float32]]:
    """One sample: the array of each input by its name.

    Raises:
        RefusedError: the file cannot be read, or holds other arrays than the net takes, or NaN or
            infinity; names it.
    """
    with _opened(path, inputs) as file:
        found = {spec.name: file.read(spec.name) for spec in inputs}
    for name, array in found.items():
        if not np.isfinite(array).all():
            raise RefusedError(f"{path}: {name} holds NaN or infinity; leave the file out")
    return found


def load_label(path: Path) -> int | None:
    """The class index of a sample; None where the file holds none.

    Raises:
        RefusedError: the file cannot be read, or its label is no whole number.
    """
    if path.suffix.lower() != ".npz":
        return None
    with _refusing(path), Npz(path) as file:
        header = file.headers.get(LABEL)
        if header is None:
            return None
        if header.dtype.kind not in "iu" or header.values_bytes != header.dtype.itemsize:
            raise NotNpz(
                f"{LABEL} is {header.dtype.name} of shape {header.shape}; it must be one whole "
                "number, the index of the class"
            )
        return int(file.read(LABEL).item())


@contextmanager
def _opened(path: Path, inputs: Sequence[InputSpec]) -> Iterator[Npz | Npy]:
    """A sample's file with its headers checked."""
    with _refusing(path):
        if path.suffix.lower() == ".npz":
            opened: Npz | Npy = Npz(path)
        elif len(inputs) == 1:
            opened = Npy(path, inputs[0].name)
        else:
            raise NotNpz(f"it holds one array, and the net takes {_named(inputs)}: give .npz files")
        with opened as file:
            _check_headers(file.headers, inputs)
            yield file


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, NotNpz) as error:
        why = error.strerror or error if isinstance(error, OSError) else error
        raise RefusedError(
            f"{path}: {why}. A sample is a file of its own, written by numpy.save or numpy.savez"
        ) from error


def _check_headers(headers: Mapping[str, Header], inputs: Sequence[InputSpec]) -> None:
    """Raises NotNpz where there are other arrays than the inputs', or of another type or shape."""
    held, wanted = set(headers) - {LABEL}, {spec.name for spec in inputs}
    if held != wanted:
        shown = ", ".join(sorted(held)[:5]) or "nothing"
        raise NotNpz(f"it holds {shown[:200]!a}, and the net takes {_named(inputs)}")
    for spec in inputs:
        header = headers[spec.name]
        if header.shape == (1, *spec.shape) != spec.shape:
            raise NotNpz(
                f"{spec.name} is of shape {header.shape}, not {spec.shape}: give one sample a "
                "file, without the batch axis"
            )
        if header.shape != spec.shape:
            raise NotNpz(f"{spec.name} is of shape {header.shape}; the net takes {spec.shape}")
        if header.dtype != np.float32:
            raise NotNpz(
                f"{spec.name} is {header.dtype.name}; the net takes float32: save "
                "x.astype(numpy.float32)"
            )


def _named(inputs: Sequence[InputSpec]) -> str:
    return ", ".join(map(str, inputs))
