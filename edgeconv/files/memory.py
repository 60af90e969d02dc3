"""How much memory a file's activations take, and where float work interrupts int8 work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edgeconv.files.operations import FLOATS, ModelOperations, Operation, Tensor


@dataclass(frozen=True)
class ActivationMemory:
    """Memory of a run beside the constants.

    Attributes:
        sum_bytes: of every tensor that is written, and of the inputs.
        peak_bytes: most bytes alive at once when the operators run in the file's order, each tensor
            from the operator that writes it to the last that reads it. The least an arena takes;
            kernels need scratch memory beside it.
        peak_at: name of the operator that runs then, "" where there is none.
    """

    sum_bytes: int
    peak_bytes: int
    peak_at: str


@dataclass(frozen=True)
class Step:
    """One operator and the activations alive around it.

    Attributes:
        operation: the operator.
        bytes_during: of all activations that are alive while it runs: its own, and those that a
            later operator reads.
        after: the one activation alive behind it, or none; None where there are several.
    """

    operation: Operation
    bytes_during: int
    after: tuple[Tensor, ...] | None


def steps(model: ModelOperations) -> Iterator[Step]:
    """The operators that go through memory, in order, with the activations alive around each."""
    working = [operation for operation in model.operations if operation.accessed]
    last_read: dict[str, int] = {}
    for step, operation in enumerate(working):
        last_read.update((tensor.name, step) for tensor in operation.reads)
    last_read.update((tensor.name, len(working)) for tensor in model.given)
    alive = {tensor.name: tensor for tensor in model.fed if not tensor.is_constant}
    touched = list(alive.values())  # what may be read for the last time at this step
    held = sum(tensor.bytes for tensor in touched)
    for step, operation in enumerate(working):
        # What nothing wrote comes from a quantize node on an edge: alive where it is first read.
        for tensor in operation.accessed:
            if not tensor.is_constant:
                before = alive.pop(tensor.name, None)
                held += tensor.bytes - (0 if before is None else before.bytes)
                alive[tensor.name] = tensor
                touched.append(tensor)
        during = held
        for tensor in touched:
            if tensor.name in alive and last_read.get(tensor.name, -1) <= step:
                held -= alive.pop(tensor.name).bytes
        touched = []
        yield Step(operation, during, tuple(alive.values()) if len(alive) <= 1 else None)


def activation_memory(model: ModelOperations) -> ActivationMemory:
    """What the activations of one run take."""
    peak, at = sum(tensor.bytes for tensor in model.fed), ""
    every = {tensor.name: tensor.bytes for tensor in model.fed}
    for step in steps(model):
        accessed = step.operation.accessed
        every.update((tensor.name, tensor.bytes) for tensor in accessed if not tensor.is_constant)
        if step.bytes_during > peak:
            peak, at = step.bytes_during, step.operation.name
    return ActivationMemory(sum(every.values()), peak, at)


def float_islands(model: ModelOperations) -> list[tuple[Operation, ...]]:
    """Groups of neighbouring operators that compute in float in a file that also computes in int8.

    Empty for a float file. Operators that only convert or give another view are no islands.
    """
    if not any(operation.is_int8 and operation.accessed for operation in model.operations):
        return []
    tensors = {
        place: _floats_of(operation)
        for place, operation in enumerate(model.operations)
        if operation.kind != "conversion"
        and operation.activation_dtypes & FLOATS
        and operation.accessed
    }
    users: dict[str, list[int]] = {}
    for place, names in tensors.items():
        for name in names:
            users.setdefault(name, []).append(place)
    islands = []
    left = dict.fromkeys(tensors)
    while left:
        islands.append(sorted(_reached(next(iter(left)), tensors, users, left)))
    return [tuple(model.operations[place] for place in island) for island in islands]


def _reached(
    place: int,
    tensors: Mapping[int, set[str]],
    users: dict[str, list[int]],
    left: dict[int, None],
) -> Iterator[int]:
    """The places that float tensors join with this one; taken out of `left`."""
    del left[place]
    open_ones = [place]
    while open_ones:
        here = open_ones.pop()
        yield here
        for name in tensors[here]:
            for other in users.pop(name, ()):
                if other in left:
                    del left[other]
                    open_ones.append(other)


def _floats_of(operation: Operation) -> set[str]:
    return {t.name for t in operation.accessed if not t.is_constant and t.dtype in FLOATS}
