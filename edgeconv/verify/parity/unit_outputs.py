"""Outputs that lie between -1 and 1 by their make: a sigmoid's, a softmax's, a tanh's.

Engines compute such functions to the last places of one, not of the value: onnxruntime's sigmoid is
up to 1.2e-7 off wherever it is. A detector's scores may all be a hundredth, of which that is more
than a float file is allowed elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from edgeconv.files.operations import ModelOperations, Operation, Tensor
from edgeconv.files.read import read_operations
from edgeconv.files.tflite.builtins.table import builtin
from edgeconv.graph.operators.table import operator_named
from edgeconv.runtime.metrics import FloatArray

#: What may be off of one: two of float32's last places below it.
ERROR = 2.0**-22

#: Kinds that hand on the values they read.
_COPIES = ("view", "transpose", "identity", "move")


def allowed_errors(files: Iterable[Path], references: Mapping[str, FloatArray]) -> dict[str, float]:
    """The relative error that an output of this kind may have; no others are in it.

    Args:
        files: float files, any of which tells.
        references: every output's values.

    Raises:
        ArtifactRefused: a file is none of its format, or is damaged.
    """
    found = {name for path in files for name in _bounded(read_operations(path), references)}
    largest = {name: float(np.abs(references[name]).max(initial=0)) for name in sorted(found)}
    return {name: ERROR / most for name, most in largest.items() if most > 0}


def _bounded(model: ModelOperations, names: Collection[str]) -> Iterator[str]:
    """Those of the named outputs that hold nothing but values between -1 and 1."""
    makers = {tensor.name: made for made in model.operations for tensor in made.writes}
    for end, memory in zip(model.outputs, model.given, strict=True):
        if end.name in names and _is_bounded(memory, makers, model.format):
            yield end.name


def _is_bounded(tensor: Tensor, makers: Mapping[str, Operation], form: str) -> bool:
    pending, seen = [tensor], set()
    while pending:
        made = makers.get(pending.pop().name)
        if made is None:
            return False
        low, high = (operator_named if form == "onnx" else builtin)(made.type).bounds
        if -1 <= low <= high <= 1:
            continue
        if made.kind not in _COPIES:
            return False
        pending += [t for t in made.reads if not t.is_constant and t.name not in seen]
        seen |= {t.name for t in made.reads}
    return True
