"""What the files of a net are held against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import UsageError
from edgeconv.runtime.adapt import Samples
from edgeconv.runtime.metrics import FloatArray, Whole
from edgeconv.runtime.session import Kernels
from edgeconv.verify.parity.output_parts import OutputParts

#: What a file gave, one array for each output.
Outputs = list[FloatArray]
#: An artifact's name and the kernels it runs on.
Run = tuple[str, Kernels]


@dataclass(frozen=True, eq=False)
class Float64:
    """What PyTorch makes of the golden photos in float64.

    Attributes:
        outputs: float64 (N, ...) by the output's name; empty where they are not to be had.
        why_not: one line, where they are not.
    """

    outputs: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    why_not: str = ""


@dataclass(frozen=True, eq=False)
class Expected:
    """Samples, and what the float net makes of them.

    Attributes:
        images: the golden photos or tensors.
        outputs: the float net's outputs for them by name, (N, ...) each.
        depth: layers with weights of the net, which decides the float bound.
        trained: without trained weights int8 logits are noise, and the int8 stages only inform.
        parts: how each output is told apart; one that is not named is judged whole.
        float64: PyTorch's float64 result, asked for where a float file misses its bound; computes
            it at its first call, and then keeps it.
        as_exported: what each file of integers gave for the first photos when it was exported,
            where the photos are not of the kind that the net was made for; empty where they are.
            See `as_exported`.
        missed: names of the files that missed their threshold then, on photos of that kind.
        whole: how sure each output is that holds whole numbers or truth values, by name.
    """

    images: Samples
    outputs: Mapping[str, FloatArray]
    depth: int = 0
    trained: bool = True
    parts: Mapping[str, OutputParts] = field(default_factory=dict)
    float64: Callable[[], Float64] = Float64
    as_exported: Mapping[Run, Outputs] = field(default_factory=dict)
    missed: frozenset[str] = frozenset()
    whole: Mapping[str, Whole] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises UsageError where an output has not one row for each photo."""
        photos = len(self.images)
        for name, array in self.outputs.items():
            if photos == 0 or len(array) != photos:
                raise UsageError(
                    f"the reference {name} has {len(array)} rows for {photos} photo(s)"
                )
