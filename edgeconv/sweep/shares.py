"""Shares of one verb's work on a Dask cluster, whose answers come back in their order.

Files reach a worker as those of cells do (`edgeconv.sweep.cluster`): once, by their hash. Only some
shares are handed over at a time, so that neither this process nor the scheduler holds them all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from edgeconv.errors import EdgeconvError, RefusedError, UnavailableError, UsageError
from edgeconv.sweep import work
from edgeconv.sweep.cell import Given
from edgeconv.sweep.cluster import (
    LOOK_EVERY_S,
    MOST_SAID,
    Lacking,
    placed,
    require_same,
    submitted,
    workers_of,
)
from edgeconv.sweep.tools import tools

if TYPE_CHECKING:
    from distributed import Client, Future

    from edgeconv.progress import Progress

#: Shares that are handed over for each thread of the workers: one at work, one that waits for it.
_AHEAD = 2

Answer = TypeVar("Answer")
#: Of a file as it was given -> where it lies on the worker.
Places = Mapping[Path, Path]


@dataclass(frozen=True)
class Share(Generic[Answer]):
    """A part of the work.

    Attributes:
        name: for people, such as "photos 257 to 512".
        files: what it needs.
        work: does it on a worker; Dask pickles it.
    """

    name: str
    files: tuple[Given, ...]
    work: Callable[[Places], Answer]


@dataclass(frozen=True)
class _Done(Generic[Answer]):
    """What a worker gives back."""

    answer: Answer


@dataclass(frozen=True)
class _Failed:
    """What a worker gives back of a deliberate error: its exit code, and its message.

    Not the error itself, for not each of them can be pickled.
    """

    code: int
    message: str


def perform(
    share: Share[Answer], expected: Mapping[str, str], packed: Mapping[str, bytes]
) -> _Done[Answer] | Lacking | _Failed:
    """Does a share on this machine, a worker's, and names files in errors as they were given.

    Args:
        share: what is done.
        expected: package -> version, as they must be here too.
        packed: digest of a file -> its bytes, of those that were lacking.
    """
    places: dict[Path, Path] = {}
    try:
        require_same(expected)
        folders = placed(share.files, packed)
        if isinstance(folders, Lacking):
            return folders
        places = {one.path: folders[one.digest] / one.path.name for one in share.files}
        with work.beside_no_bench():
            return _Done(share.work(places))
    except EdgeconvError as error:
        message = str(error)
        for given, here in places.items():
            message = message.replace(str(here), str(given))
        return _Failed(error.exit_code, message)


def answers(
    client: Client, shares: Iterable[Share[Answer]], progress: Progress
) -> Iterator[Answer]:
    """What each share gives, in their order; those of a worker that died are done again.

    Args:
        client: of the scheduler, as `edgeconv.sweep.cluster.connect` gives it.
        shares: each asked for when a worker will soon be free for it.
        progress: told how many workers there are, whenever that changes.

    Raises:
        UnavailableError: the scheduler is gone, or a worker has not what is needed.
        EdgeconvError: what a share has raised; of several, the first in their order.
    """
    yield from _Spread(client, progress, tools()).answers(shares)


@dataclass(eq=False)
class _Flight(Generic[Answer]):
    """A share on its way."""

    share: Share[Answer]
    future: Future
    packed: set[str] = field(default_factory=set)


@dataclass(eq=False)
class _Spread:
    """Shares at work."""

    client: Client
    progress: Progress
    expected: Mapping[str, str]
    _workers: int = -1

    def answers(self, shares: Iterable[Share[Answer]]) -> Iterator[Answer]:
        flights: deque[_Flight[Answer]] = deque()
        for share in shares:
            flights.append(_Flight(share, self._submitted(share, ())))
            if len(flights) >= _AHEAD * self._threads():
                yield self._first(flights)
        while flights:
            yield self._first(flights)

    def _first(self, flights: deque[_Flight[Answer]]) -> Answer:
        """The first one's answer; meanwhile the others get what they lack."""
        while True:
            for flight in flights:
                self._hand_over_lacking(flight)
            if flights[0].future.done():
                return self._answer(flights.popleft())
            self._wait([flight.future for flight in flights])

    def _hand_over_lacking(self, flight: _Flight[Answer]) -> None:
        if flight.future.status == "finished" and isinstance(
            lacking := flight.future.result(), Lacking
        ):
            flight.packed |= lacking.digests
            flight.future = self._submitted(flight.share, flight.packed)

    def _answer(self, flight: _Flight[Answer]) -> Answer:
        from distributed import KilledWorker

        try:
            found: _Done[Answer] | _Failed = flight.future.result()
        except KilledWorker as error:
            said = f"the workers that ran {flight.share.name} died: {error}"
            raise UnavailableError(said[:MOST_SAID]) from error
        except Exception as error:  # whatever a worker raised comes back as it is
            if flight.future.status in ("cancelled", "lost"):
                said = "the Dask scheduler is gone; begin again when it is back"
            else:
                said = f"a worker failed: {type(error).__name__}: {error}"
            raise UnavailableError(said[:MOST_SAID]) from error
        if isinstance(found, _Done):
            return found.answer
        kinds = (UsageError, UnavailableError, RefusedError)
        raise next(kind for kind in kinds if kind.exit_code == found.code)(found.message)

    def _submitted(self, share: Share[Answer], lacking: Collection[str]) -> Future:
        files = [one for one in share.files if one.digest in lacking]
        return submitted(self.client, partial(perform, share, self.expected), files)

    def _wait(self, futures: Sequence[Future]) -> None:
        """Until one more has ended, or for a while."""
        from distributed import wait

        with self.client.as_current():
            try:
                at_work = [future for future in futures if not future.done()]
                wait(at_work, timeout=LOOK_EVERY_S, return_when="FIRST_COMPLETED")
            except TimeoutError:
                self._threads()

    def _threads(self) -> int:
        """Of all workers, one at least; says so where others are there than before."""
        workers = workers_of(self.client)
        if len(workers) != self._workers:
            self._workers = len(workers)
            told = f"{len(workers)} workers" if len(workers) != 1 else "1 worker"
            self.progress.warn(f"{told} at work" if workers else "no worker is there: it waits")
        return max(1, sum(int(worker["nthreads"]) for worker in workers))
