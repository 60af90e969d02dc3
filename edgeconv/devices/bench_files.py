"""Reads the JSON documents that `bench` writes; they may come from anywhere, so all is checked."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeconv.devices.report import SCHEMA
from edgeconv.errors import RefusedError, UsageError
from edgeconv.runtime.results import natural, read_timed

_MOST_BYTES = 512 * 2**20
_MOST_RESULTS = 10_000

#: What makes two measurements comparable: the file's name, its engine, and the threads.
Key = tuple[str, str, int]


@dataclass(frozen=True)
class Measured:
    """One file on one number of threads.

    Attributes:
        sha256: of the file.
        medians_ms: of each process's runs, in the order they ran; empty on emulated devices.
        instructions: of one inference, by process; empty on real devices.
    """

    sha256: str
    medians_ms: tuple[float, ...]
    instructions: tuple[int, ...]


@dataclass(frozen=True)
class BenchFile:
    """A bench run, read back.

    Attributes:
        path: the document.
        device: where it was measured.
        emulated: whether instructions were counted.
        run: the run's own name.
        side_by_side: whether its files took turns.
        results: by file, engine and threads.
    """

    path: Path
    device: str
    emulated: bool
    run: str
    side_by_side: bool
    results: Mapping[Key, Measured]


def read(path: Path) -> BenchFile:
    """Reads a document that `bench --json-file` wrote.

    Raises:
        UsageError: there is no such file.
        RefusedError: it is none, is of another schema, or holds impossible values.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file; `edgeconv bench --json-file {path}` writes one")
    if path.stat().st_size > _MOST_BYTES:
        raise RefusedError(
            f"{path} is larger than a bench document may be, {_MOST_BYTES >> 20} MiB"
        )
    try:
        document = json.loads(path.read_bytes())
        if document["schema"] != SCHEMA:
            raise ValueError(f"it has schema {str(document['schema'])[:20]}, known is {SCHEMA}")
        emulated = document["emulated"] is True
        listed = document["results"][:_MOST_RESULTS]
        results = dict(_result(told, emulated) for told in listed)
        if len(results) != len(listed):
            raise ValueError("two results are of the same file, engine and threads")
        return BenchFile(
            path,
            str(document["device"])[:80],
            emulated,
            str(document["run"]),
            document.get("config", {}).get("side_by_side") is True,
            results,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RefusedError(
            f"{path} is no document of `edgeconv bench`: {type(error).__name__} {error}"[:500]
        ) from error


def _result(told: Mapping[str, Any], emulated: bool) -> tuple[Key, Measured]:
    artifact = told["artifact"]
    key = (str(artifact["name"])[:200], str(told["engine"])[:40], natural(told["threads"]))
    sha256 = str(artifact["sha256"])[:64]
    if emulated:
        counts = tuple(natural(count) for count in told["instructions_by_process"])
        return key, Measured(sha256, (), counts)
    processes = [read_timed(process) for process in told["processes"]]
    medians = tuple(statistics.median(p.timing.samples_ns) / 1e6 for p in processes)
    return key, Measured(sha256, medians, ())
