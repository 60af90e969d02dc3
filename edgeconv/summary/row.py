"""The rows of a report: a model file on a device, with what documents tell of it.

A figure that no document holds is None, never a zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edgeconv.verify.tasks.figures import Estimate


@dataclass(frozen=True)
class Step:
    """A step of a recipe, as the bundle tells of it.

    Attributes:
        name: what was tried.
        kept: whether it was.
        gain_db: what it gained on samples held back from it; None of the plan without repair.
    """

    name: str
    kept: bool
    gain_db: float | None


@dataclass(frozen=True)
class Tensor:
    """What an int8 operator loses by itself, in dB: of its output, and of its output's grid."""

    name: str
    op_type: str
    sqnr_db: float
    grid_db: float | None


@dataclass(frozen=True)
class ModelFile:
    """A file.

    Attributes:
        sha256: of it, in hexadecimal.
        net: the net's name; "" where nothing tells it.
        options: how its export differs from others, such as "width=0.5 recipe=fast".
        name: of the file, such as "int8.tflite".
        precision, format: "int8" and "tflite"; "" where nothing tells.
        input_size: (height, width) in pixels of its photo; None of nets of other inputs.
        size_bytes: of the file.
        multiply_adds: of one sample.
        int8_share: of the multiply-adds, 0 to 1.
        parity: "passed", "failed" or "not judged"; "" where nothing tells.
        steps: of the recipe that made its integers.
        stages: what parity says of it, in words.
        worst: the tensors whose operators lose most by themselves, where `diagnose` was run.
    """

    sha256: str
    net: str
    name: str
    options: str = ""
    precision: str = ""
    format: str = ""
    input_size: tuple[int, int] | None = None
    size_bytes: int | None = None
    multiply_adds: int | None = None
    int8_share: float | None = None
    parity: str = ""
    steps: tuple[Step, ...] = ()
    stages: tuple[str, ...] = ()
    worst: tuple[Tensor, ...] = ()

    @property
    def title(self) -> str:
        """The net with its options; "" where nothing tells them."""
        return " ".join(filter(None, (self.net, self.options)))

    def sides(self, between: str) -> str:
        """The input's height and width; "" where they are not known."""
        return between.join(map(str, self.input_size or ()))


@dataclass(frozen=True)
class Answer:
    """A photo on which a file tells another class than float: names, or numbers of classes."""

    photo: str
    label: str
    reference: str
    told: str


#: Units of `edgeconv.verify.tasks.figures.Unit` that errors are told in.
ERROR_UNITS = frozenset({"pixels", "number"})


@dataclass(frozen=True)
class Accuracy:
    """What a file does on photos.

    Attributes:
        task: "classification" or another that `eval` has.
        figure: what `value` is, such as "top-1".
        unit: "share", of 1, or another; see `edgeconv.verify.tasks.figures.Unit`.
        device: where it was measured.
        photos: how many.
        value: the file's.
        agreement: share of photos with the float file's answer.
        drop: points that the file loses to float, or what else its figure loses.
        lost, gained: photos that float alone has right, and that the file alone has.
        differing: the first photos on which it differs from float.
    """

    task: str
    figure: str
    unit: str
    device: str
    photos: int
    value: Estimate
    agreement: Estimate | None = None
    drop: Estimate | None = None
    lost: int | None = None
    gained: int | None = None
    differing: tuple[Answer, ...] = ()

    @property
    def is_error(self) -> bool:
        """Whether less of it is better, as of distances and other errors."""
        return self.unit in ERROR_UNITS


@dataclass(frozen=True)
class Operator:
    """The time of one operator."""

    name: str
    kind: str
    ms: float


@dataclass(frozen=True)
class Latency:
    """How long one inference takes.

    Attributes:
        p50_ms: of all runs, with its interval over processes; None on emulated devices.
        is_noisy: whether the machine was too busy for the figure to be trusted.
        verdict: what `bench` says of it.
        medians_ms: of each process.
        instructions: of one inference; None but on emulated devices.
        memory_mib: that the model takes.
        threads, batch: of the run.
        operators: the slowest ones first, where they were measured.
    """

    p50_ms: Estimate | None
    is_noisy: bool
    verdict: str
    medians_ms: tuple[float, ...]
    instructions: int | None
    memory_mib: float | None
    threads: int
    batch: int
    operators: tuple[Operator, ...] = ()


@dataclass(frozen=True)
class Source:
    """A document behind a row.

    Attributes:
        path: of it, as it was found.
        kind: "bundle", "bench", "eval", "parity" or the same of a sweep.
        date: when it was written, as YYYY-MM-DD HH:MM in UTC.
        command: that made it, as far as the document tells.
        versions: of what was used, "name version" each.
        digest: of all that it depends on, in a sweep.
        device: what the device is, in words.
    """

    path: str
    kind: str
    date: str
    command: str = ""
    versions: tuple[str, ...] = ()
    digest: str = ""
    device: str = ""


@dataclass(frozen=True)
class Row:
    """A file on a device.

    Attributes:
        file: it.
        device: its name; "" where nothing was measured.
        engine: what ran it; "" where nothing was measured.
        accuracy: on that device, or on this machine where none was measured there.
        latency: there.
        sources: the documents.
    """

    file: ModelFile
    device: str
    engine: str
    accuracy: Accuracy | None
    latency: Latency | None
    sources: tuple[Source, ...]

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two rows of different reports comparable."""
        file, threads = self.file, "" if self.latency is None else str(self.latency.threads)
        place = (self.device, self.engine, threads)
        return (file.net, file.options, file.name, file.sides("x"), *place)

    @property
    def title(self) -> str:
        """What tells it from others, for people."""
        threads = [] if self.latency is None else [f"{self.latency.threads} thread(s)"]
        where = [self.device] if self.device else []
        return ", ".join([" ".join(filter(None, self.key[:3])), *where, *threads])


@dataclass(frozen=True)
class Failed:
    """A run of a sweep that gave nothing: what it was of, its exit code, and what was said."""

    title: str
    kind: str
    device: str
    code: int
    said: str


@dataclass(frozen=True)
class Unread:
    """A document that was not read, and why."""

    path: str
    why: str


@dataclass(frozen=True)
class Collection:
    """What a report is made of.

    Attributes:
        rows: by net, options, file and device.
        failed: runs that gave nothing.
        unread: documents that were left out.
    """

    rows: tuple[Row, ...]
    failed: tuple[Failed, ...] = field(default=())
    unread: tuple[Unread, ...] = field(default=())
