"""A session whose file runs on a device: batches of inputs go there, their outputs come back."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edgeconv.devices.agent.machine import Machine
from edgeconv.errors import ConnectionLost, DeviceFailed, DeviceUnreachable, UsageError
from edgeconv.runtime import records
from edgeconv.runtime.feeds import check_feeds
from edgeconv.runtime.open import open_session
from edgeconv.runtime.requests import RunRequest
from edgeconv.runtime.session import EngineName, Session, SessionOptions, TensorSpec

#: Records that are sent at a time; fewer where they are large.
_MOST_RECORDS = 64
_MOST_BYTES = 64 * 2**20
#: Pauses, in seconds, before a batch is sent again after the connection was lost.
RETRY_PAUSES_S = (1.0, 5.0, 15.0)

_one_at_a_time = threading.Lock()


class DeviceSession:
    """A model file on a device.

    A batch of inputs is done whole or not at all. Where the connection is lost, the batch is sent
    again, so that no input is lost and none is counted twice.

    Attributes:
        engine: what runs it there.
        inputs: what the file takes.
        outputs: what the file gives.
    """

    engine: EngineName
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def __init__(
        self,
        machine: Machine,
        path: Path,
        options: SessionOptions,
        *,
        deadline_s: float = 300.0,
        pauses_s: Sequence[float] = RETRY_PAUSES_S,
    ) -> None:
        """Pushes the file; it is opened here too, for it declares its own inputs and outputs.

        Raises:
            ArtifactRefused, UsageError, UnavailableError: as `open_session`.
            DeviceFailed: it cannot be pushed.
        """
        here = open_session(path, options)
        self.engine, self.inputs, self.outputs = here.engine, here.inputs, here.outputs
        self._machine = machine
        self._options = options
        self._deadline_s = deadline_s
        self._pauses_s = tuple(pauses_s)
        with _one_at_a_time:
            self._path = machine.place(path)

    def run(self, feeds: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Runs once."""
        return self.run_many([feeds])[0]

    def run_many(self, feeds: Sequence[Sequence[NDArray[Any]]]) -> list[list[NDArray[Any]]]:
        """Runs once for each record of inputs.

        Raises:
            ConnectionLost: it broke again and again.
            ArtifactRefused, DeviceFailed: the file cannot be run there.
        """
        for feed in feeds:
            check_feeds(self.inputs, feed)
        largest = max(records.size_of(self.inputs), records.size_of(self.outputs), 1)
        at_a_time = max(1, min(_MOST_RECORDS, _MOST_BYTES // largest))
        results: list[list[NDArray[Any]]] = []
        with _one_at_a_time:
            for start in range(0, len(feeds), at_a_time):
                results += self._batch(feeds[start : start + at_a_time])
        return results

    def _batch(self, feeds: Sequence[Sequence[NDArray[Any]]]) -> list[list[NDArray[Any]]]:
        """One batch, sent again after each pause where the connection was lost."""
        for pause_s in self._pauses_s:
            try:
                return self._attempt(feeds)
            except (ConnectionLost, DeviceUnreachable):
                time.sleep(pause_s)
        return self._attempt(feeds)

    def _attempt(self, feeds: Sequence[Sequence[NDArray[Any]]]) -> list[list[NDArray[Any]]]:
        with tempfile.TemporaryDirectory() as held:
            inputs, outputs = Path(held) / "in", Path(held) / "out"
            records.write(inputs, feeds)
            count = len(feeds)
            request = RunRequest(
                self._path,
                str(inputs),
                str(outputs),
                count,
                self._options.threads,
                self._options.kernels,
            )
            expected = count * records.size_of(self.outputs)
            self._machine.run(request, output_bytes=expected, deadline_s=self._deadline_s)
            try:
                return list(records.read(outputs, self.outputs, count))
            except UsageError as error:
                raise DeviceFailed(f"what came back is no result: {error}") from error


def opener(machine: Machine, **options: Any) -> Callable[[Path, SessionOptions], Session]:
    """Opens model files on a device, as `open_session` does here."""

    def open_there(path: Path, chosen: SessionOptions) -> Session:
        return DeviceSession(machine, path, chosen, **options)

    return open_there
