"""Photos spread over a Dask cluster count as on one machine, whatever happens to a worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from edgeconv.errors import RefusedError, UnavailableError
from edgeconv.sweep import packs, shares, spread_photos
from edgeconv.sweep.cell import Hashes, given
from edgeconv.sweep.cluster import connect
from edgeconv.sweep.shares import Places, Share, answers
from edgeconv.verify.accuracy.evaluate import CHUNK
from tests.cli.conftest import Run, run
from tests.sweep.conftest import without_workers
from tests.sweep.test_cluster import Warned

distributed = pytest.importorskip("distributed")

__all__ = ["run"]  # a fixture of the command line's tests
ROOT = Path(__file__).parents[2]
PHOTOS = 2 * CHUNK + 6
CLASSES = 5
WORKER = "from distributed.cli.dask_worker import main; main()"
WITHOUT_EDGECONV = f"""
from importlib import metadata
real = metadata.version
def version(name):
    if name == "edgeconv":
        raise metadata.PackageNotFoundError(name)
    return real(name)
version.__module__ = "importlib.metadata"
metadata.version = version
{WORKER}
"""


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a scheduler without workers."""
    with without_workers() as address:
        yield address


@contextmanager
def worker(address: str, cache: Path, program: str = WORKER) -> Iterator[subprocess.Popen[bytes]]:
    """A worker of one thread with a cache of its own, as on another machine."""
    words = [sys.executable, "-c", program, address, "--no-nanny", "--no-dashboard"]
    quiet = subprocess.DEVNULL
    environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
    with subprocess.Popen(
        [*words, "--nthreads", "1"], cwd=ROOT, env=environment, stdout=quiet, stderr=quiet
    ) as begun:
        try:
            yield begun
        finally:
            begun.kill()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise in folders of classes; names stand in several of them."""
    folder = tmp_path_factory.mktemp("photos") / "data"
    random = np.random.default_rng(0)
    for number in range(PHOTOS):
        of_class = folder / str(number % CLASSES)
        of_class.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(of_class / f"{number // CLASSES:02}.png")
    return folder


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that tells one of five classes of 8 x 8 pixels by a product."""
    weights = np.random.default_rng(1).standard_normal((192, CLASSES)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["x"], ["flat"]),
            helper.make_node("MatMul", ["flat", "w"], ["y"]),
        ],
        "classifier",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", CLASSES])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path = tmp_path_factory.mktemp("net") / "net.onnx"
    onnx.save(model, path)
    return path


def test_the_document_is_that_of_one_machine_and_files_travel_once(
    run: Run,
    scheduler: str,
    photos: Path,
    classifier: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spread_photos, "SHARE", CHUNK)
    words = ("eval", classifier, "--data", photos, "--json")
    alone = run(*words)
    assert alone.code == 0, alone.err
    sent: list[str] = []
    packed = packs.pack_of
    monkeypatch.setattr(packs, "pack_of", lambda one: (sent.append(one.path.name), packed(one))[1])
    with worker(scheduler, tmp_path / "cache"):
        spread = run(*words, "--scheduler", scheduler)
        first = len(sent)
        again = run(*words, "--scheduler", scheduler)
    assert (spread.code, spread.out) == (0, alone.out), spread.err
    assert again.out == alone.out
    assert json.loads(alone.out)["photos"] == PHOTOS
    assert first >= PHOTOS + 1
    assert len(sent) == first
    assert "1 worker at work" in spread.err


def _slow(log: Path, number: int, places: Places) -> int:
    with log.open("a") as file:
        file.write(f"{number} {os.getpid()}\n")
    time.sleep(0.5)
    return number


def test_the_shares_of_a_killed_worker_are_done_elsewhere_and_answers_keep_their_order(
    scheduler: str, tmp_path: Path
) -> None:
    log, progress, found = tmp_path / "log", Warned(), []
    with ExitStack() as stack:
        client = stack.enter_context(connect(scheduler))
        both = [stack.enter_context(worker(scheduler, tmp_path / name)) for name in "ab"]
        client.wait_for_workers(2, timeout=60)
        work = [Share(str(number), (), partial(_slow, log, number)) for number in range(8)]
        for answer in answers(client, work, progress):
            if not found:
                begun = dict(line.split() for line in log.read_text().splitlines())
                doomed = next(one for one in both if str(one.pid) == list(begun.values())[-1])
                os.kill(doomed.pid, signal.SIGKILL)
            found.append(answer)
    assert found == list(range(8))
    assert progress.words[0] == "2 workers at work"
    assert len(log.read_text().splitlines()) > 8


def _refuses(path: Path, places: Places) -> int:
    raise RefusedError(f"{places[path]} is no photo")


def test_an_error_names_the_file_as_it_was_given(scheduler: str, tmp_path: Path) -> None:
    path = tmp_path / "here" / "a.png"
    path.parent.mkdir()
    path.write_bytes(b"a")
    share = Share("photo 1", (given(path, Hashes()),), partial(_refuses, path))
    with (
        connect(scheduler) as client,
        worker(scheduler, tmp_path / "cache"),
        pytest.raises(RefusedError) as refused,
    ):
        list(answers(client, [share], Warned()))
    assert str(refused.value) == f"{path} is no photo"


def test_a_worker_without_edgeconv_is_told_of(scheduler: str, tmp_path: Path) -> None:
    with worker(scheduler, tmp_path, WITHOUT_EDGECONV), connect(scheduler) as client:
        client.wait_for_workers(1, timeout=60)
        with pytest.raises(UnavailableError, match=r"the worker at tcp://.* has no edgeconv"):
            connect(scheduler)


def test_a_worker_of_other_versions_is_told_of(
    scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "tools", lambda: {"torch": "0.1"})
    share = Share("photo 1", (), partial(_slow, tmp_path / "log", 0))
    with (
        connect(scheduler) as client,
        worker(scheduler, tmp_path),
        pytest.raises(UnavailableError, match=r"a worker has torch .*, this machine 0\.1"),
    ):
        list(answers(client, [share], Warned()))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--task", "agreement"), 2, "spreads classification alone"),
        (("--device", "rpi4-emulated"), 2, "give one of the two"),
        ((), 3, "no Dask scheduler answers at nonsense://nowhere"),
    ],
)
def test_what_is_not_spread(
    run: Run, photos: Path, classifier: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    done = run(
        "eval", classifier, "--data", photos, "--scheduler", "nonsense://nowhere", "--json", *words
    )
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert "Traceback" not in done.err
