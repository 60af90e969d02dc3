"""What to do about a net that cannot take a photo, from what PyTorch said of it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence

from torch import Tensor, nn

_WRAP = (
    "edgeconv gives a net one image unless it says what it takes: set input_shapes on it, such as "
    '{"a": (3, 64, 64), "b": (40, 98)}, without the batch axis'
)
_PLAIN = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

#: What PyTorch says, beside what it means here; the first that is found counts.
_HINTS: tuple[tuple[str, str], ...] = (
    (
        r"weight of size \[\d+, \d+, \d+, \d+, \d+\]|to conv1d",
        "this convolution does not work along the two axes of an image, (N, C, H, W); a net that "
        "takes something else says so by input_shapes",
    ),
    (
        r"to have (?P<takes>\d+) channels, but got (?P<given>\d+) channels",
        "this layer takes {takes} channels and is given {given}. edgeconv gives a net RGB photos, "
        "(N, 3, H, W), unless it says what it takes: set input_shapes on it, such as "
        '{{"image": ({takes}, 64, 64)}}, without the batch axis',
    ),
    (
        r"shapes cannot be multiplied",
        "where the net is made for photos of another size, give it with --input-size",
    ),
    (
        r"\b(Half|BFloat16|Double|double|ComplexFloat)\b",
        "the net runs in float32 here: take .half(), .bfloat16(), .double() and written dtypes out "
        "of its forward",
    ),
    (
        r"CUDA|cuda|NVIDIA|\bmeta\b",
        "the net runs on the CPU here: take .cuda() and written devices out of its forward",
    ),
)


def hint(module: nn.Module, given: Sequence[Tensor], error: BaseException) -> str | None:
    """The way out for a user, or None where none is known.

    Args:
        module: the net that failed.
        given: float32 (N, ...) each, what it was given.
        error: what it raised.
    """
    if isinstance(error, TypeError | NotImplementedError) and (
        inputs := _inputs(module, len(given))
    ):
        return inputs
    if isinstance(error, IndexError | KeyError) and "too many indices" in str(error):
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in given)
        return f"it is given a tensor of shape {shapes}. {_WRAP}"
    for pattern, advice in _HINTS:
        if found := re.search(pattern, str(error)):
            return advice.format(**found.groupdict())
    return None


def _inputs(module: nn.Module, given: int) -> str | None:
    """What is wrong with the arguments a forward takes; None where so many tensors will do."""
    if type(module).forward is nn.Module.forward:
        return f"{type(module).__name__} has no forward; give a module that has one"
    try:
        parameters = inspect.signature(module.forward).parameters.values()
    except (TypeError, ValueError):  # some have none
        return None
    needed = [p.name for p in parameters if p.kind in _PLAIN and p.default is p.empty]
    takes_one = any(p.kind in (*_PLAIN, p.VAR_POSITIONAL) for p in parameters)
    if len(needed) > given:
        return f"its forward takes {len(needed)} inputs ({', '.join(needed)}). {_WRAP}"
    return None if takes_one else f"its forward takes no input. {_WRAP}"
