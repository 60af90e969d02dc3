"""onnxruntime's profiler: a file of events, one for each node of each run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgeconv.documents import NotJson, parse
from edgeconv.errors import ArtifactRefused
from edgeconv.runtime.feeds import random_inputs
from edgeconv.runtime.ort import OrtSession
from edgeconv.runtime.session import SessionOptions

_KERNEL = "_kernel_time"
#: In bytes; one tells the shapes of a node's inputs and outputs.
_LONGEST_EVENT = 2**18


def operators(
    path: Path, threads: int, warmup_runs: int, runs: int
) -> Iterator[tuple[str, str, list[float]]]:
    """Name, kind and the ms of each run of every node, in the order the nodes run.

    Raises:
        ArtifactRefused: the file cannot be loaded or run.
        UnavailableError: onnxruntime is not installed.
    """
    with tempfile.TemporaryDirectory() as held:
        session = OrtSession(path, SessionOptions(threads=threads), profile=Path(held) / "events")
        feeds = random_inputs(session, seed=0)
        for _ in range(warmup_runs + runs):
            session.run(feeds)
        nodes = _nodes(path, session.end_profiling())
    if not nodes:
        raise ArtifactRefused(f"{path}: onnxruntime ran no node of it")
    for name, (kind, took) in nodes.items():
        yield name, kind, took[warmup_runs:]


def _nodes(path: Path, written: Path) -> dict[str, tuple[str, list[float]]]:
    """Kind and the ms of each run of every node, of the events that the profiler wrote.

    Names in them are the model file's, so they are read as what comes from outside.
    """
    nodes: dict[str, tuple[str, list[float]]] = {}
    try:
        for event in _events(written):
            if event.get("cat") == "Node" and event["name"].endswith(_KERNEL):
                name = event["name"].removesuffix(_KERNEL)
                kind = str(event["args"]["op_name"])
                nodes.setdefault(name, (kind, []))[1].append(event["dur"] / 1e3)
    except (NotJson, AttributeError, KeyError, TypeError) as error:
        why = f" ({error})" if isinstance(error, NotJson) else ""
        raise ArtifactRefused(
            f"{path}: what onnxruntime's profiler wrote of it cannot be read{why}; give its nodes "
            "plain names"
        ) from error
    return nodes


def _events(written: Path) -> Iterator[Any]:
    """One after the other, for there may be a million: a list in JSON, an event on each line."""
    with written.open("rb") as file:
        while line := file.readline(_LONGEST_EVENT + 1):
            if len(line) > _LONGEST_EVENT:
                raise NotJson(f"an event of more than {_LONGEST_EVENT >> 10} KiB")
            if (event := line.strip().removesuffix(b",")) not in (b"[", b"]", b""):
                yield parse(event)
