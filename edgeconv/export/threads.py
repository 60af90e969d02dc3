"""Sums in one order, however many threads the machine has: the same inputs give the same bytes.

PyTorch's convolutions and NumPy's matrix products split their sums among threads, and the last bits
depend on how. Where it matters, work is shared out by photos and by layers instead, whose results
are put together in a fixed order.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch

#: What the OpenBLAS of NumPy's wheels, and that of distributions, call reading and setting.
_PREFIXES = ("scipy_openblas", "openblas")
_SUFFIXES = ("64_", "")


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch and NumPy's linear algebra compute on one thread inside, whoever calls them.

    A NumPy that uses another library than OpenBLAS goes on as its own environment variables say.
    """
    threads, blas = torch.get_num_threads(), _openblas()
    before = None if blas is None else blas[0]()
    torch.set_num_threads(1)
    if blas is not None:
        blas[1](1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        if blas is not None and before is not None:
            blas[1](before)


def _openblas() -> tuple[Callable[[], int], Callable[[int], object]] | None:
    """Reads and sets the threads of the OpenBLAS that NumPy uses; None where it uses none."""
    library = ctypes.CDLL(np.linalg._umath_linalg.__file__)
    for prefix in _PREFIXES:
        for suffix in _SUFFIXES:
            names = (f"{prefix}_{verb}_num_threads{suffix}" for verb in ("get", "set"))
            get, set_to = (getattr(library, name, None) for name in names)
            if get is not None and set_to is not None:
                return get, set_to
    return None
