"""What a host asks an agent for: facts, timed runs, outputs, a profile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, get_args

from edgeconv.errors import UsageError
from edgeconv.runtime.messages import Kind, decode, encode
from edgeconv.runtime.session import PROVIDERS, Kernels, Provider
from edgeconv.runtime.timing import TimingConfig

#: The longest turn; the others wait meanwhile.
MOST_TURN_MS = 60_000
#: The engines' profilers keep every event of every run.
MOST_PROFILED_RUNS = 1000
_MOST_THREADS = 4096
_MOST_CORES = 4096


@dataclass(frozen=True)
class FactsRequest:
    """Tell the facts about the device, and nothing else."""

    kind: ClassVar[Kind] = "facts"


@dataclass(frozen=True)
class TimeRequest:
    """Time one file in this process, on random inputs.

    Attributes:
        path: the file, on the device.
        threads: intra-operator threads.
        kernels: as in SessionOptions.
        cores: the cores to run on; empty for all.
        seed: of the random inputs.
        timing: how long to measure.
        provider: as in SessionOptions.
        turn_ms: how long the timed runs of a turn take, at least one run, where the process takes
            turns with others; None times all runs in one go.
    """

    kind: ClassVar[Kind] = "time"

    path: str
    threads: int = 1
    kernels: Kernels = "default"
    cores: tuple[int, ...] = ()
    seed: int = 0
    timing: TimingConfig = field(default_factory=TimingConfig)
    provider: Provider = "cpu"
    turn_ms: float | None = None

    def __post_init__(self) -> None:
        if self.turn_ms is not None and not 0 < self.turn_ms <= MOST_TURN_MS:
            raise UsageError(f"a turn must take 0 to {MOST_TURN_MS} ms, not {self.turn_ms}")


@dataclass(frozen=True)
class RunRequest:
    """Run one file on recorded inputs and record its outputs.

    A record is every input (every output) in the file's own order, each as the file declares it,
    row-major, little-endian, nothing between them.

    Attributes:
        path: the model file, on the device.
        inputs: file of `count` records.
        outputs: file to write `count` records to.
        count: how many times to run.
        threads: intra-operator threads.
        kernels: as in SessionOptions.
    """

    kind: ClassVar[Kind] = "run"

    path: str
    inputs: str
    outputs: str
    count: int
    threads: int = 1
    kernels: Kernels = "default"


@dataclass(frozen=True)
class ProfileRequest:
    """Tell what each operator of a file takes.

    Attributes:
        path: the model file, on the device.
        threads: intra-operator threads.
        runs: profiled runs; the mean of their middle half is told.
    """

    kind: ClassVar[Kind] = "profile"

    path: str
    threads: int = 1
    runs: int = 50

    def __post_init__(self) -> None:
        if not 1 <= self.runs <= MOST_PROFILED_RUNS:
            raise UsageError(f"profiled runs must be 1 to {MOST_PROFILED_RUNS}, not {self.runs}")


Request = FactsRequest | TimeRequest | RunRequest | ProfileRequest


def to_line(request: Request) -> bytes:
    """The request as the agent reads it."""
    return encode(request.kind, asdict(request))


def read_request(line: bytes) -> Request:
    """The request on a line.

    Raises:
        UsageError: it is none, or holds values outside of what is allowed.
    """
    message = decode(line)
    kinds: dict[Any, type[Request]] = {
        kind.kind: kind for kind in (FactsRequest, TimeRequest, RunRequest, ProfileRequest)
    }
    found = kinds.get(message.get("type")) if message is not None else None
    if message is None or found is None:
        raise UsageError(
            f"the agent takes one line of JSON on standard input: a request of {', '.join(kinds)}"
        )
    try:
        values = {f.name: message[f.name] for f in fields(found) if f.name in message}
        for name, value in values.items():
            if not _IS_RIGHT[name](value):
                raise ValueError(f"{name} is {str(value)[:40]!a}")
        if found is TimeRequest:
            values["cores"] = tuple(values.get("cores", ()))
            values["timing"] = _timing(message["timing"])
        return found(**values)
    except (KeyError, TypeError, ValueError) as error:
        why = str(error)[:200]
        raise UsageError(f"the request to {found.kind} is not complete: {why}") from error


def _timing(told: dict[str, Any]) -> TimingConfig:
    """Raises ValueError, TypeError or UsageError where it is none."""
    for name, value in told.items():
        kinds = (int, float) if "second" in name or name.startswith("window_") else (int,)
        if type(value) not in kinds and not (name == "runs" and value is None):
            raise ValueError(f"timing.{name[:40]!a} is {str(value)[:40]!a}")
    return TimingConfig(**told)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value


def _is_count(value: Any, most: int = 2**63) -> bool:
    return type(value) is int and 0 <= value < most


def _is_cores(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= _MOST_CORES and all(map(_is_count, value))


#: What a request may hold; a number's own bounds are its reader's.
_IS_RIGHT: Mapping[str, Callable[[Any], bool]] = {
    "path": _is_text,
    "inputs": _is_text,
    "outputs": _is_text,
    "kernels": lambda value: value in get_args(Kernels),
    "provider": lambda value: value in PROVIDERS,
    "threads": lambda value: _is_count(value, _MOST_THREADS),
    "count": _is_count,
    "runs": _is_count,
    "seed": _is_count,
    "cores": _is_cores,
    "timing": lambda value: isinstance(value, dict),
    "turn_ms": lambda value: value is None or type(value) in (int, float),
}
