"""The same cells as tasks of a Dask cluster (docs/cluster.md).

A board is a resource of the worker that reaches it, so that no two cells use one; so is memory, in
bytes, where workers state it. A worker that lacks a file says so and gets it with the cell handed
over again, once for each hash: what Dask scatters is lost with its worker. Bundles come back. What
Dask cannot know stands in `edgeconv.sweep`: results are kept by this process as they come, children
end with their worker, and a measurement is alone on its machine.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeconv.bundle import manifest
from edgeconv.errors import SIGNALLED, UnavailableError
from edgeconv.sweep import packs, work
from edgeconv.sweep.cell import Cell, Given
from edgeconv.sweep.plan import Plan
from edgeconv.sweep.results import Result, Results
from edgeconv.sweep.run import Row
from edgeconv.sweep.tools import tools

if TYPE_CHECKING:
    from distributed import Client, Future

    from edgeconv.progress import Progress

#: How often it is looked what workers are there, and for work that none of them can take.
LOOK_EVERY_S = 10.0
MEMORY = "MEMORY"
_KILLED = SIGNALLED + 9
#: Characters of what is kept of a worker's words.
MOST_SAID = 2_000


@dataclass(frozen=True)
class Done:
    """What a worker gives back.

    Attributes:
        result: how the cell ended.
        bundle: an export's, packed; None of other cells, and where there is none.
    """

    result: Result
    bundle: bytes | None


@dataclass(frozen=True)
class Lacking:
    """What a worker gives back that has not all of a cell's files.

    Attributes:
        digests: of those that it lacks.
    """

    digests: frozenset[str]


def perform(
    cell: Cell, limits: work.Limits, expected: Mapping[str, str], packed: Mapping[str, bytes]
) -> Done | Lacking:
    """Runs a cell on this machine, a worker's.

    Args:
        cell: what is run.
        limits: what ends it before its end.
        expected: package -> version, as the results will say.
        packed: digest of a file among its words -> its bytes, of those that were lacking.

    Raises:
        UnavailableError: other versions are installed here.
    """
    require_same(expected)
    folders = placed([word for word in cell.words if isinstance(word, Given)], packed)
    if isinstance(folders, Lacking):
        return folders
    with tempfile.TemporaryDirectory() as scratch:
        bundle = Path(scratch) / "bundle"
        result = work.run(cell, bundle, limits, folders)
        made = (bundle / manifest.FILE_NAME).is_file()
        return Done(result, packs.packed(sorted(bundle.iterdir())) if made else None)


def require_same(expected: Mapping[str, str]) -> None:
    """Raises UnavailableError where other versions are installed here.

    Args:
        expected: package -> version, as `tools` tells them where the results are kept.
    """
    here = tools()
    if other := next((name for name in expected if here.get(name) != expected[name]), None):
        raise UnavailableError(
            f"a worker has {other} {here.get(other)}, this machine {expected[other]}: results of "
            "both would stand under one name; install the same on all"
        )


def submitted(
    client: Client, work: Callable[[dict[str, bytes]], Any], lacking: Iterable[Given], **words: Any
) -> Future:
    """Hands work to the cluster, with the files that a worker lacked.

    Args:
        client: of the scheduler.
        work: what a worker does with the digests of those files and their bytes.
        lacking: they.
        words: further ones of Dask's `submit`.
    """
    packed = {one.digest: packs.pack_of(one) for one in lacking}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sending large graph")  # that is what is meant
        return client.submit(work, packed, pure=False, **words)


def workers_of(client: Client) -> list[Any]:
    """What the scheduler knows of each."""
    return list(client.scheduler_info(n_workers=-1)["workers"].values())


def placed(files: Sequence[Given], packed: Mapping[str, bytes]) -> dict[str, Path] | Lacking:
    """Puts files on this machine, a worker's.

    Args:
        files: that are needed.
        packed: digest -> bytes, of those that were lacking.

    Returns:
        The digest of each -> the folder in which it lies, or those that are lacking.
    """
    lacking = [one.digest for one in files if one.digest not in packed and not packs.is_placed(one)]
    if lacking:
        return Lacking(frozenset(lacking))
    return {one.digest: packs.placed(one, packed.get(one.digest)) for one in files}


def connect(address: str) -> Client:
    """A client of the scheduler at an address such as "tcp://10.0.0.2:8786".

    Raises:
        UnavailableError: Dask is not installed, nobody answers there, or a worker that is there has
            no edgeconv: it would die of the first task, without a word.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise UnavailableError(
            "--scheduler needs Dask; install it with: pip install 'edgeconv[cluster]'"
        ) from error
    try:
        client = Client(address, timeout=10, set_as_default=False)
        found = client.run(version, "edgeconv", on_error="return")
    except (OSError, TimeoutError, ValueError) as error:
        raise UnavailableError(f"no Dask scheduler answers at {address}: {error}") from error
    if without := [worker for worker, one in found.items() if isinstance(one, ImportError)]:
        client.close()
        raise UnavailableError(
            f"the worker at {without[0]} has no edgeconv; install it there with: "
            "pip install 'edgeconv[cluster]'"
        )
    return client


def run(plan: Plan, results: Results, client: Client, progress: Progress) -> Iterator[Row]:
    """Runs what has no result yet, all at once as far as there are workers; a failure is a row.

    Args:
        plan: what is swept.
        results: where they are kept, each as soon as it is there.
        client: of the scheduler, as `connect` gives it.
        progress: told how many cells are through, and of those that no worker can take.

    Raises:
        UnavailableError: the scheduler is gone; what ended before is kept.
    """
    yield from _Sweep(plan, results, client, progress).rows()


@dataclass(eq=False)
class _Sweep:
    """A sweep at work."""

    plan: Plan
    results: Results
    client: Client
    progress: Progress
    _at_work: dict[Future, Cell] = field(default_factory=dict)
    _lacking: dict[str, set[str]] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _told: set[str] = field(default_factory=set)
    _through: int = 0

    def rows(self) -> Iterator[Row]:
        self.progress.step("cells")
        for export in self.plan.exports():
            yield from self._begin(export)
        while self._at_work:
            for future in self._some_done():
                cell = self._at_work.pop(future)
                result = self._result(cell, future)
                if result is not None:
                    yield from self._ended(cell, Row(cell, result, ran=True))

    def _begin(self, cell: Cell) -> Iterator[Row]:
        """Hands a cell to the cluster; its row, and those that follow, where it has a result."""
        if cell.digest in self._seen:
            return
        self._seen.add(cell.digest)
        there = self.results.finished(cell)
        if there is not None:
            yield from self._ended(cell, Row(cell, there, ran=False))
            return
        self._at_work[self._submitted(cell)] = cell

    def _ended(self, cell: Cell, row: Row) -> Iterator[Row]:
        self._through += 1
        self.progress.advance(self._through)
        yield row
        if row.result.left_bundle and self.results.made(cell):
            for follower in self.plan.of_bundle(cell, self.results.bundle(cell)):
                yield from self._begin(follower)

    def _submitted(self, cell: Cell) -> Future:
        lacking = self._lacking.get(cell.digest, set())
        return submitted(
            self.client,
            partial(perform, cell, self.plan.limits, self.plan.tools),
            [word for word in cell.words if isinstance(word, Given) and word.digest in lacking],
            key=f"{cell.kind}-{cell.digest}-{len(lacking)}",
            resources=self._needs(cell),
        )

    def _needs(self, cell: Cell) -> dict[str, float]:
        """Its board, and where workers state their memory, its own."""
        needs = {} if cell.kind in ("export", "eval") else {cell.device: 1.0}
        if self.plan.limits.memory_bytes is not None and MEMORY in self._offered():
            needs[MEMORY] = float(self.plan.limits.memory_bytes)
        return needs

    def _offered(self) -> set[str]:
        return {name for worker in workers_of(self.client) for name in worker["resources"]}

    def _some_done(self) -> list[Future]:
        """Those that have ended, one at least."""
        from distributed import wait

        while True:
            try:
                with self.client.as_current():
                    done = wait(
                        list(self._at_work), timeout=LOOK_EVERY_S, return_when="FIRST_COMPLETED"
                    )
            except TimeoutError:
                self._tell_of_waiting()
                continue
            return list(done.done)

    def _tell_of_waiting(self) -> None:
        """A word of each board that no worker has; when one joins its cells run."""
        if not workers_of(self.client) and "" not in self._told:
            self._told.add("")
            self.progress.warn("cells wait for a worker; the scheduler has none")
        missing = {name for cell in self._at_work.values() for name in self._needs(cell)}
        for name in sorted(missing - self._offered() - self._told):
            self._told.add(name)
            self.progress.warn(f"cells wait for a worker with the resource {name}=1")

    def _result(self, cell: Cell, future: Future) -> Result | None:
        """Kept, and its bundle put in place; None where the cell is handed over again."""
        from distributed import KilledWorker

        try:
            done: Done | Lacking = future.result()
        except KilledWorker as error:
            result = Result.of(cell, _KILLED, f"the workers that ran it died: {error}"[:MOST_SAID])
        except UnavailableError:
            raise
        except Exception as error:  # whatever a worker raised comes back as it is
            if future.status in ("cancelled", "lost"):
                raise UnavailableError(
                    "the Dask scheduler is gone; what has ended is kept: run the sweep again"
                ) from error
            result = Result.of(
                cell, UnavailableError.exit_code, f"{type(error).__name__}: {error}"[:MOST_SAID]
            )
        else:
            if isinstance(done, Lacking):
                self._lacking.setdefault(cell.digest, set()).update(done.digests)
                self._at_work[self._submitted(cell)] = cell
                return None
            result = done.result
            if done.bundle is not None:
                bundle = self.results.bundle(cell)
                shutil.rmtree(bundle, ignore_errors=True)  # of a run before that was not finished
                packs.unpack(done.bundle, bundle)
        self.results.write(cell, result)
        return result
