"""The same cells on a Dask cluster: none lost with its worker, none measured beside another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from edgeconv.errors import UnavailableError
from edgeconv.progress import Silent
from edgeconv.sweep import cluster, packs
from edgeconv.sweep.cell import Hashes, given, known
from edgeconv.sweep.results import Results
from edgeconv.sweep.run import Row, run
from tests.sweep.conftest import STAND_IN, entries, plan_of, verbs, without_workers

distributed = pytest.importorskip("distributed")

WORKER = """
import sys
from edgeconv import child
from tests.sweep.conftest import stood_in_for
child.command = stood_in_for(sys.argv.pop(1))
from distributed.cli.dask_worker import main
main()
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture
def scheduler() -> Iterator[str]:
    """The address of a scheduler without workers."""
    with without_workers() as address:
        yield address


@contextmanager
def worker(
    address: str, resources: str = "", threads: int = 2
) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a process of its own, without a nanny that would start it again."""
    words = [sys.executable, "-c", WORKER, str(STAND_IN), address, "--no-nanny", "--no-dashboard"]
    words += ["--nthreads", str(threads)]
    words += ["--resources", resources] if resources else []
    quiet = subprocess.DEVNULL
    with subprocess.Popen(words, cwd=ROOT, stdout=quiet, stderr=quiet) as begun:
        try:
            yield begun
        finally:
            begun.kill()


class Warned(Silent):
    """Keeps what it is warned of."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def warn(self, message: str) -> None:
        """Keeps it."""
        self.words.append(message)


def _run(address: str, results: Results, progress: Warned, *nets: str) -> list[Row]:
    with cluster.connect(address) as client:
        return list(cluster.run(plan_of(*nets), results, client, progress))


def _cells(rows: list[Row]) -> set[tuple[str, int]]:
    return {(row.cell.digest, row.result.code) for row in rows}


def test_cells_are_those_of_one_machine_and_none_is_measured_beside_another(
    tmp_path: Path, log: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAKES", "0.2")
    nets = ("a", "b", "refused")
    results = Results(tmp_path / "there")
    with worker(scheduler, "board=1 local=1"), worker(scheduler, "board2=1"):
        rows = _run(scheduler, results, Warned(), *nets)
        count = len(entries(log))
        _run(scheduler, results, Warned(), *nets)
        assert len(entries(log)) == count  # all of it was there
    told = entries(log)
    benches = [entry for entry in told if entry["words"][0] == "bench"]
    assert len(benches) == 6
    for bench in benches:
        beside = [
            other
            for other in told
            if other is not bench
            and other["begun"] < bench["ended"]
            and bench["begun"] < other["ended"]
        ]
        # This machine does nothing else meanwhile, a board is measured by one alone.
        here = "local" in bench["words"]
        assert not [other for other in beside if here or other in benches]
    log.write_text("")
    alone = list(run(plan_of(*nets), Results(tmp_path / "here"), lambda cell, through: None))
    assert _cells(alone) == _cells(rows)
    for row in rows:
        if row.cell.kind == "export" and row.result.code == 0:
            bundles = [Results(tmp_path / place).bundle(row.cell) for place in ("here", "there")]
            contents = [{one.name: one.read_bytes() for one in each.iterdir()} for each in bundles]
            assert contents[0] == contents[1]


def test_a_killed_worker_loses_nothing(
    tmp_path: Path, log: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAKES", "0.5")
    results = Results(tmp_path / "out")
    with worker(scheduler, "board=1 local=1"), worker(scheduler, threads=1) as doomed:

        def kill() -> None:
            while not Path(f"/proc/{doomed.pid}/task/{doomed.pid}").exists() or not log.read_text():
                time.sleep(0.05)
            os.kill(doomed.pid, signal.SIGKILL)

        killer = Thread(target=kill)
        killer.start()
        rows = _run(scheduler, results, Warned(), "a", "b", "c")
        killer.join()
    assert {row.result.code for row in rows} == {0}
    assert verbs(log).count("export") >= 3
    assert len({row.cell.digest for row in rows}) == len(rows) == 7 + 2 * 5


def test_a_board_that_nobody_has_is_waited_for_with_a_word(
    tmp_path: Path, log: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "LOOK_EVERY_S", 0.5)
    progress, rows = Warned(), []
    with worker(scheduler, "local=1"):
        at_work = Thread(
            target=lambda: rows.extend(_run(scheduler, Results(tmp_path / "o"), progress, "a"))
        )
        at_work.start()
        while "cells wait for a worker with the resource board=1" not in progress.words:
            assert at_work.is_alive()
            time.sleep(0.05)
        with worker(scheduler, "board=1"):
            at_work.join()
    assert {row.result.code for row in rows} == {0}
    assert len(rows) == 7


def test_nobody_answers() -> None:
    with pytest.raises(UnavailableError, match="no Dask scheduler answers at"):
        cluster.connect("nonsense://nowhere")


def test_files_travel_with_what_belongs_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    photos = tmp_path / "photos"
    (photos / "cats").mkdir(parents=True)
    (photos / "cats" / "a.jpg").write_bytes(b"a")
    (tmp_path / "photos.csv").write_text("file,label\n")
    one = given(photos, Hashes(), also=[tmp_path / "photos.csv"])
    folder = packs.placed(one, packs.pack_of(one))
    assert (folder / "photos" / "cats" / "a.jpg").read_bytes() == b"a"
    assert (folder / "photos.csv").read_text() == "file,label\n"
    assert one.typed(folder) == str(folder / "photos")
    assert packs.is_placed(one)
    assert packs.placed(one, None) == folder


def test_the_same_bytes_under_another_name_are_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("before", "now"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text("{}")
        bundle = known(tmp_path / name, "0" * 64)
        folder = packs.placed(bundle, packs.pack_of(bundle))
        assert Path(bundle.typed(folder), "manifest.json").is_file()


def test_a_file_that_another_cell_put_there_first_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "w.bin").write_bytes(b"w")
    one = given(tmp_path / "w.bin", Hashes())
    there = packs.placed(one, packs.pack_of(one))
    answers = iter([False, True])
    monkeypatch.setattr(packs, "is_placed", lambda _: next(answers))
    assert packs.placed(one, packs.pack_of(one)) == there
    assert (there / "w.bin").read_bytes() == b"w"
