"""Does a sweep come to the same on a cluster as on one machine, and lose or repeat nothing?

    python benchmarks/sweep.py --out DIR [--nets 12] [--precisions int8,float16,dynamic-int8]

Sweeps small nets of random weights over this machine and an emulated board, one cell after the
other, then over a Dask scheduler with three workers on this machine. On the way it kills the sweep
and a worker (SIGKILL). Prints a line for each claim; exits 1 where one does not hold:

- a sweep that was killed and begun again runs no finished cell again;
- a second run starts nothing;
- a killed worker loses nothing;
- every cell, every byte of the bundles and every accuracy is the same on the cluster;
- instructions on the emulated board differ by 1 % at most;
- no two benches overlap on one device, and nothing runs beside one on this machine.

DIR must be new or empty. It needs `edgeconv[cluster]` and what an emulated board needs.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from _process import environment
from PIL import Image

NETS = (
    ("squeezenet1_1", ""),
    ("shufflenet_v2_x0_5", ""),
    ("mobilenet_v2", "width=0.35"),
    ("mobilenet_v1", "width=0.25"),
    ("mobilenet_v3_small", "width=0.5"),
    ("mnasnet0_5", ""),
    ("shufflenet_v2_x1_0", ""),
    ("squeezenet1_0", ""),
    ("mobilenet_v3_large", "width=0.35"),
    ("efficientnet_lite0", ""),
    ("mnasnet1_0", ""),
    ("resnet18", ""),
)
"""Nets, the lightest first, and an option of their definitions."""

PRECISIONS = "int8,float16,dynamic-int8"
BOARD = "rpi4-emulated"
INPUT_SIZE = 64
PHOTOS = 24
MOST_DRIFT = 0.01
#: Of a bench's recorded time, what it may seem to begin before another ends: clocks of one machine.
CLOCK_S = 0.01
POLL_S = 0.2


def main() -> int:
    """Runs it all; 1 where a claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--nets", type=int, default=len(NETS), help="how many, the lightest first")
    parser.add_argument("--precisions", default=PRECISIONS, help=f"default {PRECISIONS}")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if any(options.out.iterdir()):
        parser.error(f"{options.out} is not empty")
    file = written(options.out, NETS[: options.nets], options.precisions.split(","))
    verb("devices", "start", BOARD)
    try:
        claims = [*alone(file, options.out / "alone"), *clustered(file, options.out / "cluster")]
        claims += compared(read(options.out / "alone"), read(options.out / "cluster"))
    finally:
        verb("devices", "stop", BOARD)
    return 0 if all(claims) else 1


def claim(holds: bool, words: str) -> bool:
    """Prints it as it is found."""
    print(f"{'ok    ' if holds else 'FAILED'} {words}", flush=True)
    return holds


# --- what is swept


def written(folder: Path, nets: Sequence[tuple[str, str]], precisions: Sequence[str]) -> Path:
    """The sweep's file, and photos beside it, drawn from a seed."""
    photos = folder / "photos"
    photos.mkdir()
    random = np.random.default_rng(0)
    for number in range(PHOTOS):
        coarse = random.integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(coarse).resize((96, 96), Image.Resampling.BICUBIC).save(
            photos / f"{number:02}.png"
        )
    labels = "".join(f"{number:02}.png,{number}\n" for number in range(PHOTOS))
    (folder / "photos.csv").write_text("file,label\n" + labels)
    optioned = "".join(f'[net.{net}]\nnet-option = "{one}"\n' for net, one in nets if one)
    path = folder / "sweep.toml"
    path.write_text(
        f"""nets = {json.dumps([net for net, _ in nets])}
devices = ["local", "{BOARD}"]
[export]
weights = "random"
input-size = {INPUT_SIZE}
recipe = "fast"
int8-sqnr-db = 1
format = "tflite"
calib = "photos"
calib-samples = 8
[vary]
precision = {json.dumps(list(precisions))}
{optioned}[parity]
int8-sqnr-db = 1
[eval]
data = "photos"
[bench]
runs = 5
processes = 1
"""
    )
    return path


# --- running it


def verb(*words: str | Path) -> None:
    """Runs a verb to its end; its words go to stderr."""
    command = [sys.executable, "-m", "edgeconv", *map(str, words)]
    subprocess.run(command, env=environment(), stdout=sys.stderr, check=True)


def begun(file: Path, out: Path, *words: str) -> subprocess.Popen[bytes]:
    """A sweep at work."""
    command = [sys.executable, "-m", "edgeconv", "sweep", str(file), "--out", str(out), *words]
    return subprocess.Popen(
        [*command, "--json"],
        env=environment(),
        stdout=subprocess.DEVNULL,
    )


def alone(file: Path, out: Path) -> Iterator[bool]:
    """One cell after the other: killed in the midst, begun again, and once more."""
    first = begun(file, out)
    reached(first, lambda: len(contents(out)) >= 5)
    first.kill()
    first.wait()
    before = contents(out)
    begun(file, out).wait()
    after = contents(out)
    kept = all(after.get(name) == content for name, content in before.items())
    yield claim(kept, f"none of {len(before)} finished cells ran again after the sweep was killed")
    begun(file, out).wait()
    yield claim(contents(out) == after, f"a second run starts none of {len(after)} cells")


def clustered(file: Path, out: Path) -> Iterator[bool]:
    """On three workers, one of which is killed at work; then once more."""
    with cluster() as (address, doomed):
        sweep = begun(file, out, "--scheduler", address)
        reached(sweep, lambda: len(contents(out)) >= 2)
        doomed.kill()
        code = sweep.wait()
        after = contents(out)
        yield claim(code == 0, f"the sweep ends well though a worker was killed (exit code {code})")
        begun(file, out, "--scheduler", address).wait()
        yield claim(contents(out) == after, "a second run on the cluster starts no cell")


def reached(process: subprocess.Popen[bytes], there: Callable[[], bool]) -> None:
    """Waits until it is there, or the process has ended."""
    while process.poll() is None and not there():
        time.sleep(POLL_S)


@contextmanager
def cluster() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A scheduler's address, and the worker without a device, of three."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    port = address.rpartition(":")[2]
    with ExitStack() as stack:
        dask(stack, "scheduler", "--host", "127.0.0.1", "--port", port)
        quiet = ("--no-nanny", "--nthreads", "1")
        dask(stack, "worker", address, *quiet, "--resources", "local=1")
        dask(stack, "worker", address, *quiet, "--resources", f"{BOARD}=1")
        yield address, dask(stack, "worker", address, *quiet)


def dask(stack: ExitStack, *words: str) -> subprocess.Popen[bytes]:
    """A process of Dask's, which ends with the stack."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *words, "--no-dashboard"],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return process


# --- what came out


@dataclass(frozen=True)
class Swept:
    """A folder of results.

    Attributes:
        cells: digest -> its document.
        files: path in the folder of a bundle's file -> its bytes.
    """

    cells: Mapping[str, Any]
    files: Mapping[str, bytes]

    def of(self, kind: str) -> dict[str, Any]:
        """The cells of a verb."""
        return {name: one for name, one in self.cells.items() if one["kind"] == kind}


def contents(out: Path) -> dict[str, bytes]:
    """The results' documents, which are written whole."""
    return {path.name: path.read_bytes() for path in out.glob("*/[0-9a-f]*.json")}


def read(out: Path) -> Swept:
    """What a sweep left."""
    bundles = out / "bundles"
    return Swept(
        {name.removesuffix(".json"): json.loads(one) for name, one in contents(out).items()},
        {
            str(path.relative_to(bundles)): path.read_bytes()
            for path in bundles.rglob("*")
            if path.is_file()
        },
    )


def compared(here: Swept, there: Swept) -> list[bool]:
    """The claims on two sweeps of one file."""
    same_cells = here.cells.keys() == there.cells.keys()
    both = [*here.cells.values(), *there.cells.values()]
    failed = [f"{one['kind']} {one['title']}" for one in both if one["code"] not in (0, 1)]
    judged = here.of("eval")
    same_evals = [accuracies(judged[name]) == accuracies(there.cells[name]) for name in judged]
    drifts = instruction_drifts(here, there)
    return [
        claim(same_cells, f"the {len(here.cells)} cells are the same on the cluster"),
        claim(not failed, f"cells that failed: {', '.join(failed) or 'none'}"),
        claim(here.files == there.files, f"{len(here.files)} files of bundles: the same bytes"),
        claim(all(same_evals), f"{len(same_evals)} bundles' accuracies are the same"),
        claim(
            bool(drifts) and max(drifts) <= MOST_DRIFT,
            f"{len(drifts)} files' instructions on {BOARD} differ by "
            f"{max(drifts, default=float('nan')):.4%} at most",
        ),
        *(lonely(each, where) for each, where in ((here, "alone"), (there, "on the cluster"))),
    ]


def accuracies(cell: Mapping[str, Any]) -> Any:
    """An eval's figures; its own path is left out."""
    return [{**one, "target": ""} for one in found_in(cell["document"], "evaluations")]


def instruction_drifts(here: Swept, there: Swept) -> list[float]:
    """Of each file on the board, how far the two counts are apart."""
    drifts = []
    for name, one in here.of("bench").items():
        if one["device"] == BOARD:
            a, b = (
                sweep.cells[name]["document"]["results"][0]["instructions"]
                for sweep in (here, there)
            )
            drifts.append(abs(a - b) / max(a, b))
    return drifts


def found_in(document: Any, key: str) -> list[Any]:
    """What stands under a key, at any depth."""
    if isinstance(document, list):
        return [one for each in document for one in found_in(each, key)]
    if isinstance(document, dict):
        if key in document:
            return list(document[key])
        return [one for each in document.values() for one in found_in(each, key)]
    return []


def lonely(sweep: Swept, where: str) -> bool:
    """Whether benches were alone: on their device, and on this machine altogether."""
    beside = []
    for one, other in combinations(sweep.cells.values(), 2):
        meet = (
            one["started"] + one["seconds"] > other["started"] + CLOCK_S
            and other["started"] + other["seconds"] > one["started"] + CLOCK_S
        )
        benches = [each for each in (one, other) if each["kind"] == "bench"]
        here = any(bench["device"] == "local" for bench in benches)
        both = len(benches) == 2 and one["device"] == other["device"]
        if meet and (here or both):
            beside.append(f"{one['title']} and {other['title']}")
    return claim(not beside, f"benches that overlap {where}: {', '.join(beside) or 'none'}")


if __name__ == "__main__":
    sys.exit(main())
