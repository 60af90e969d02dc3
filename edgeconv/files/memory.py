"""How much memory a file's activations take, and where float work interrupts int8 work."""

from __future__ import annotations

from collections.abc import Iterator
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
        during: alive while it runs: its own, and those a later operator reads.
        after: alive behind it.
    """

    operation: Operation
    during: tuple[Tensor, ...]
    after: tuple[Tensor, ...]


def steps(model: ModelOperations) -> Iterator[Step]:
    """The operators that go through memory, in order, with the activations alive around each."""
    working = [operation for operation in model.operations if operation.accessed]
    last_read: dict[str, int] = {}
    for step, operation in enumerate(working):
        last_read.update((tensor.name, step) for tensor in operation.reads)
    last_read.update((tensor.name, len(working)) for tensor in model.given)
    alive = {tensor.name: tensor for tensor in model.fed if not tensor.is_constant}
    for step, operation in enumerate(working):
        # What nothing wrote comes from a quantize node on an edge: alive where it is first read.
        alive.update((t.name, t) for t in operation.accessed if not t.is_constant)
        during = tuple(alive.values())
        alive = {name: t for name, t in alive.items() if last_read.get(name, -1) > step}
        yield Step(operation, during, tuple(alive.values()))


def activation_memory(model: ModelOperations) -> ActivationMemory:
    """What the activations of one run take."""
    peak, at = sum(tensor.bytes for tensor in model.fed), ""
    every = {tensor.name: tensor.bytes for tensor in model.fed}
    for step in steps(model):
        every.update((tensor.name, tensor.bytes) for tensor in step.during)
        total = sum(tensor.bytes for tensor in step.during)
        if total > peak:
            peak, at = total, step.operation.name
    return ActivationMemory(sum(every.values()), peak, at)


def float_islands(model: ModelOperations) -> list[tuple[Operation, ...]]:
    """Groups of neighbouring operators that compute in float in a file that also computes in int8.

    Empty for a float file. Operators that only convert or give another view are no islands.
    """
    if not any(operation.is_int8 and operation.accessed for operation in model.operations):
        return []
    islands: list[_Island] = []
    for place, operation in enumerate(model.operations):
        if (
            operation.kind == "conversion"
            or not operation.activation_dtypes & FLOATS
            or not operation.accessed
        ):
            continue
        found = _Island([place], _floats_of(operation))
        apart = [island for island in islands if not island.tensors & found.tensors]
        for island in islands:
            if island.tensors & found.tensors:
                found.places += island.places
                found.tensors |= island.tensors
        islands = [*apart, found]
    places = sorted(sorted(island.places) for island in islands)
    return [tuple(model.operations[place] for place in island) for island in places]


@dataclass
class _Island:
    """Places of operators in the file, and the float tensors that they access."""

    places: list[int]
    tensors: set[str]


def _floats_of(operation: Operation) -> set[str]:
    return {t.name for t in operation.accessed if not t.is_constant and t.dtype in FLOATS}
