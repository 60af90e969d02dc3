"""Reads the JSON documents that `bench` writes; they may come from anywhere, so all is checked."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from edgeconv.devices.bench.report import FORM
from edgeconv.errors import UsageError
from edgeconv.runtime.plain import plain
from edgeconv.runtime.results import misshapen, natural, one_of, read_timed
from edgeconv.runtime.session import ENGINES

_MOST_RESULTS = 10_000
_LONGEST_NAME = 200

_T = TypeVar("_T")
_KINDS = {dict: "an object", list: "a list", str: "text", bool: "true or false"}

#: What makes two measurements comparable: the file's name, its engine, and the threads.
Key = tuple[str, str, int]


@dataclass(frozen=True)
class Measured:
    """One file on one number of threads.

    Attributes:
        medians_ms: of each process's runs, in the order they ran; empty on emulated devices.
        instructions: of one inference, by process; empty on real devices.
    """

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
        UsageError: there is no such file, or it cannot be read.
        RefusedError: it is none, is of another schema, or holds impossible values.
    """
    document = _document(path)
    try:
        return _read(path, document)
    except (KeyError, TypeError, AttributeError) as error:
        raise FORM.refused(path, misshapen(error)) from error
    except ValueError as error:
        raise FORM.refused(path, str(error)) from error


def _document(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise UsageError(f"{path}: no such file; `edgeconv bench --json-file {path}` writes one")
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "no regular file"
        raise UsageError(f"{path} is {kind}; give a file that `edgeconv bench --json-file` wrote")
    try:
        return FORM.read(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def _read(path: Path, document: dict[str, Any]) -> BenchFile:
    emulated = _field(document, "emulated", bool)
    listed = _field(document, "results", list)
    if len(listed) > _MOST_RESULTS:
        raise ValueError(f"it holds {len(listed)} results; {_MOST_RESULTS} are allowed")
    results = dict(_result(told, emulated) for told in listed)
    if len(results) != len(listed):
        raise ValueError("two results are of the same file, engine and threads")
    config = _field(document, "config", dict) if "config" in document else {}
    return BenchFile(
        path,
        _field(document, "device", str)[:80],
        emulated,
        _field(document, "run", str),
        config.get("side_by_side") is True,
        results,
    )


def _field(told: Any, name: str, kind: type[_T]) -> _T:
    """A member of an object; raises ValueError where it is missing or of another kind."""
    if not isinstance(told, dict):
        raise ValueError(f"where {name} should stand is no object")
    if name not in told:
        raise ValueError(f"it holds no {name}")
    value = told[name]
    if not isinstance(value, kind):
        raise ValueError(f"{name} is {plain(value, 40)}, not {_KINDS[kind]}")
    return value


def _result(told: Any, emulated: bool) -> tuple[Key, Measured]:
    name, engine = _field(_field(told, "artifact", dict), "name", str), _field(told, "engine", str)
    key = (name[:_LONGEST_NAME], one_of(ENGINES, engine, "engine"), natural(told["threads"]))
    if emulated:
        counts = tuple(natural(count) for count in _field(told, "instructions_by_process", list))
        return key, Measured((), counts)
    processes = [read_timed(process) for process in _field(told, "processes", list)]
    medians = tuple(statistics.median(p.timing.samples_ns) / 1e6 for p in processes)
    return key, Measured(medians, ())
