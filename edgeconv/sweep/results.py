"""A folder of results: a document for each cell, named by the cell's digest, written whole."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeconv.bundle import manifest
from edgeconv.disk import write_whole
from edgeconv.documents import Form
from edgeconv.errors import RefusedError, ThresholdMissed, UnavailableError
from edgeconv.report import jsondoc
from edgeconv.sweep.cell import Cell, Kind

FORM = Form(
    what="edgeconv sweep result",
    key="sweep_result",
    number=1,
    most_bytes=64 * 2**20,
    refusal=RefusedError,
    remedy="remove it, and run the sweep again",
)
#: A run that ended with one of these is not repeated: it would end so again. The others are those
#: of something missing, of a limit or a signal.
FINAL_CODES = (0, 1, 2, 4)
_BUNDLES = "bundles"
_LOCK = ".lock"


@dataclass(frozen=True)
class Result:
    """How a cell ended.

    Attributes:
        digest: the cell's.
        kind, name, title, device, options, depends: as the cell has them.
        code: the exit code.
        said: what was said of a failure, a line; "" where there is none.
        started: seconds since 1970 (UTC).
        seconds: it took.
        document: what the verb printed as JSON; None where it printed none.
    """

    digest: str
    kind: Kind
    name: str
    title: str
    device: str
    options: dict[str, str]
    depends: dict[str, str]
    code: int
    said: str
    started: float
    seconds: float
    document: dict[str, Any] | None

    @classmethod
    def of(
        cls,
        cell: Cell,
        code: int,
        said: str,
        *,
        started: float = 0.0,
        seconds: float = 0.0,
        document: dict[str, Any] | None = None,
    ) -> Result:
        """A cell's; one that did not run has begun never."""
        return cls(
            digest=cell.digest,
            kind=cell.kind,
            name=cell.name,
            title=cell.title,
            device=cell.device,
            options=dict(cell.options),
            depends=dict(cell.depends),
            code=code,
            said=said,
            started=started,
            seconds=seconds,
            document=document,
        )

    @property
    def is_final(self) -> bool:
        """Whether the cell is done, well or not."""
        return self.code in FINAL_CODES

    @property
    def left_bundle(self) -> bool:
        """Whether a bundle was written: also one that misses parity is."""
        return self.kind == "export" and self.code in (0, ThresholdMissed.exit_code)


@dataclass(frozen=True)
class Results:
    """The folder."""

    folder: Path

    def bundle(self, cell: Cell) -> Path:
        """Where the bundle of an export goes."""
        return self.folder / _BUNDLES / cell.digest

    def write(self, cell: Cell, result: Result) -> None:
        """Keeps how a cell ended; raises as `write_whole`."""
        path = self._path(cell)
        path.parent.mkdir(parents=True, exist_ok=True)
        document = {FORM.key: FORM.number, **vars(result)}
        write_whole(path, jsondoc.dumps(document).encode())

    def read(self, cell: Cell) -> Result | None:
        """How it ended before; None where it has not, or its document is damaged."""
        path = self._path(cell)
        try:
            document = FORM.read(path)
            found = Result(**{name: document[name] for name in Result.__dataclass_fields__})
        except (OSError, RefusedError, KeyError):
            return None
        return found if found.digest == cell.digest else None

    def finished(self, cell: Cell) -> Result | None:
        """The result of a cell that need not run: of an export, its bundle must be there."""
        found = self.read(cell)
        if found is None or not found.is_final:
            return None
        return None if found.left_bundle and not self.made(cell) else found

    def made(self, cell: Cell) -> bool:
        """Whether an export's bundle is there."""
        return (self.bundle(cell) / manifest.FILE_NAME).is_file()

    def _path(self, cell: Cell) -> Path:
        return self.folder / cell.kind / f"{cell.digest}.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other sweeps out of the folder; the system ends that with the process.

        Raises:
            UnavailableError: one is at work in it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / _LOCK).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise UnavailableError(f"another sweep is at work in {self.folder}") from error
            yield
