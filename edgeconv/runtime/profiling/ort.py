"""onnxruntime's profiler: a file of events, one for each node of each run."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edgeconv.errors import ArtifactRefused
from edgeconv.runtime.feeds import random_inputs
from edgeconv.runtime.ort import OrtSession
from edgeconv.runtime.session import SessionOptions

_KERNEL = "_kernel_time"


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
        events = json.loads(session.end_profiling().read_bytes())
    nodes: dict[str, tuple[str, list[float]]] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith(_KERNEL):
            name = event["name"].removesuffix(_KERNEL)
            kind = str(event["args"]["op_name"])
            nodes.setdefault(name, (kind, []))[1].append(event["dur"] / 1e3)
    if not nodes:
        raise ArtifactRefused(f"{path}: onnxruntime ran no node of it")
    for name, (kind, took) in nodes.items():
        yield name, kind, took[warmup_runs:]
