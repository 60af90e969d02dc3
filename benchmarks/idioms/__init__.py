"""Idioms: the small things people write in PyTorch nets, each as a net of its own.

A name leads to a factory that gives the net and the (height, width) of its image.
"""

from __future__ import annotations

from collections.abc import Mapping

from idioms import (
    activations,
    arithmetic,
    attention,
    detection,
    forms,
    heads,
    indexing,
    layouts,
    masks,
    mixers,
    normalizations,
    pooling,
    reductions,
    resizing,
    sequences,
)
from idioms.net import Factory

_FAMILIES = (
    attention,
    mixers,
    detection,
    heads,
    normalizations,
    activations,
    arithmetic,
    reductions,
    masks,
    indexing,
    layouts,
    resizing,
    pooling,
    sequences,
    forms,
)

IDIOMS: Mapping[str, Factory] = {
    f"{family.__name__.rpartition('.')[2]}/{name}": factory
    for family in _FAMILIES
    for name, factory in family.IDIOMS.items()
}
