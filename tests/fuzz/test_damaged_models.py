"""Damaged model files through the command line: documented codes, one line, and no more than that.

What is read by Python alone may not crash. What an engine opens may crash it, which the process
that watches over the command makes exit code 4 of.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgeconv.errors import CRASHES
from tests.export.sources import foreign_files
from tests.export.sources.foreign_files import SIDE
from tests.helpers import damaged_onnx, damaged_tflite
from tests.helpers.command_batches import CommandBatches, Ran
from tests.helpers.mutations import LONGEST_MESSAGE, mutated, mutated_json

NET = """
import torch
from torch import nn
from torch.nn import functional as F

class Net(nn.Module):
    preprocessing = {"input_size": (16, 16), "resize": 16}

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU6())
        self.depthwise = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.Hardswish())
        self.side = nn.Sequential(nn.Conv2d(8, 8, 1), nn.Sigmoid())
        self.join = nn.Conv2d(16, 8, 1)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = self.stem(x)
        y = self.depthwise(x) + x
        y = torch.cat([y, self.side(x) * F.interpolate(F.max_pool2d(y, 2), scale_factor=2.0)], 1)
        return self.head(self.join(F.avg_pool2d(y, 2)).mean((2, 3)))

def build():
    torch.manual_seed(1)
    return Net()
"""
INT8 = ["--int8", "--recipe", "fast", "--calib-samples", "2"]
STATED = ["--mean", "0.5", "--std", "0.25", "--resize", "36"]
DOCUMENTED = {0, 1, 2, 3, 4}
MOST_SECONDS = 20
MOST_MIB = 1536
#: Commands of which files lie on the disk at a time.
BATCH = 250
#: One command of so many is run again as a user runs it.
SAMPLED = 100


@dataclass(frozen=True)
class Things:
    """A right bundle with a photo of each class, and who runs commands on damaged copies."""

    place: Path
    programs: CommandBatches

    @property
    def bundle(self) -> Path:
        return self.place / "bundle"

    @property
    def foreign(self) -> list[Path]:
        return sorted((self.place / "foreign").iterdir())


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Things]:
    place = tmp_path_factory.mktemp("damaged")
    (place / "net.py").write_text(NET)
    programs = CommandBatches(tmp_path_factory.mktemp("caches"))
    weights = ["net.py:build", "--weights", "w.safetensors"]
    _write_weights(place)
    (done,) = programs.run(place, [["export", *weights, *INT8, "--out", "bundle"]])
    assert done.code in (0, 1), done
    _write_foreign(place / "foreign")
    for label in range(5):
        (place / "photos" / str(label)).mkdir(parents=True)
        pixels = np.random.default_rng(label).integers(0, 256, (20, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / "photos" / str(label) / "photo.png")
    yield Things(place, programs)
    programs.stop()


def _write_weights(place: Path) -> None:
    import torch
    from safetensors.torch import save_file

    namespace: dict[str, Any] = {}
    exec(compile(NET, "net.py", "exec"), namespace)
    with torch.random.fork_rng():
        save_file(namespace["build"]().state_dict(), place / "w.safetensors")


def _write_foreign(place: Path) -> None:
    """Files as other tools save them: of an older opset, channels last, with composed operators."""
    place.mkdir()
    axes = {"image": {0: "n", 2: "height", 3: "width"}}
    foreign_files.traced(place / "traced.onnx", 10, dynamic_axes=axes, resizes=True)
    foreign_files.channels_last(place / "channels_last.onnx", ("n", "h", "w", 3))
    foreign_files.composed(place / "composed.onnx", "Mean", 13)


def damaged_file(seed: Path, number: int) -> bytes:
    """Of either format."""
    damage = damaged_onnx if seed.suffix == ".onnx" else damaged_tflite
    return damage.damaged(seed.read_bytes(), number)


def damaged_bundle(right: Path, copy: Path, number: int) -> None:
    """A bundle with one file damaged, or its manifest; the hashes are those of what it holds."""
    (copy / "golden").mkdir(parents=True)
    manifest = json.loads((right / "manifest.json").read_bytes())
    names = sorted(manifest["files"])
    models = [name for name in names if name.startswith("model.")]
    chosen = random.Random(number).choice([*models * 4, "golden.npz", "manifest.json"])
    for name in names:
        if name != chosen:
            os.link(right / name, copy / name)
    if chosen == "manifest.json":
        (copy / chosen).write_bytes(mutated_json(manifest, number))
        return
    seed = right / chosen
    is_model = chosen in models
    content = damaged_file(seed, number) if is_model else mutated([seed.read_bytes()], number)
    (copy / chosen).write_bytes(content)
    manifest["files"][chosen] = {
        "bytes": len(content),
        "sha256": sha256(content).hexdigest(),
    }
    (copy / "manifest.json").write_text(json.dumps(manifest))


def problem(ran: Ran, *, may_crash: bool) -> str:
    """What a command did that it may not, in a line; "" for one that kept its promises."""
    if ran.code < 0:
        return "" if may_crash and -ran.code in CRASHES else f"signal {-ran.code}: {ran.err[-300:]}"
    lines = ran.err.splitlines()
    wrong = {
        f"exit code {ran.code}": ran.code not in DOCUMENTED,
        "failed without a word": ran.code and "rror" not in ran.err,
        "a long line": any(len(line.encode()) > LONGEST_MESSAGE for line in lines),
        "many lines": len(lines) > 100,
        "control characters": not (ran.out + ran.err).replace("\n", "").isprintable(),
        "a traceback": "Traceback" in ran.err or "Exception ignored" in ran.err,
        "no memory": "not enough memory" in ran.err,
        f"{ran.seconds:.0f} s": ran.seconds > MOST_SECONDS,
        f"{ran.peak_mib} MiB": ran.peak_mib > MOST_MIB,
    }
    return ", ".join(what for what, is_so in wrong.items() if is_so)


def told(ran: Ran) -> str:
    """A report that the command kept, or its last words."""
    kept = re.search(r"a report is kept in (\S+)", ran.err)
    return Path(kept[1]).read_text()[-1200:] if kept else ran.err[-500:]


def check(
    things: Things,
    numbers: Sequence[int],
    command: Callable[[Path, int], Sequence[object]],
    *,
    may_crash: bool,
) -> None:
    """Runs a command on each damaged copy; of problems of one kind the first is told."""
    found: dict[str, str] = {}
    ends: Counter[int] = Counter()
    for start in range(0, len(numbers), BATCH):
        batch = numbers[start : start + BATCH]
        held = things.place / "held"
        held.mkdir()
        lines = [list(map(str, command(held, number))) for number in batch]
        for number, ran in zip(batch, things.programs.run(things.place, lines), strict=True):
            ends[ran.code] += 1
            if ran.seconds > MOST_SECONDS:  # of a process that was short of memory or of cores
                ran = things.programs.as_a_user(things.place, ran.words)
            if (what := problem(ran, may_crash=may_crash)) == "" and _is_sample(number, ran):
                ran = things.programs.as_a_user(things.place, ran.words)
                what = problem(ran, may_crash=False)
            if what:
                words = told(ran)
                kind = what + re.sub(r"[\d']+", "", words[-120:])
                if kind not in found:
                    found[kind] = f"{number}: {' '.join(ran.words)}: {what}\n{words}"
                    print(found[kind], flush=True)
        _remove(held)
        print(f"{start + len(batch)} tried", flush=True)
    print(f"exit codes: {dict(sorted(ends.items()))}")
    assert not found, "\n\n".join([f"{len(found)} kinds", *found.values()])


def _is_sample(number: int, ran: Ran) -> bool:
    """Whether a command is run again as a process of its own: what crashed, and some others."""
    return ran.code < 0 or number % SAMPLED == SAMPLED - 1


def _remove(held: Path) -> None:
    for path in sorted(held.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    held.rmdir()


@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
@pytest.mark.parametrize("verb", ["inspect", "audit"])
def test_damaged_files_are_read_or_refused(
    things: Things, some: range, verb: str, suffix: str
) -> None:
    seeds = [things.bundle / f"model.{suffix}", things.bundle / f"model.int8.{suffix}"]

    def command(held: Path, number: int) -> list[object]:
        path = held / f"{number}.{suffix}"
        path.write_bytes(damaged_file(seeds[number // 8 % 2], number))
        return [verb, path, *(["--json"] if number % 5 else [])]

    check(things, some, command, may_crash=False)


@pytest.mark.parametrize("verb", ["parity", "diagnose", "eval"])
def test_damaged_bundles_are_run_or_refused(things: Things, few: range, verb: str) -> None:
    def command(held: Path, number: int) -> list[object]:
        damaged_bundle(things.bundle, held / str(number), number)
        words: list[object] = [verb, held / str(number)]
        return words + (["--data", things.place / "photos"] if verb == "eval" else [])

    check(things, few, command, may_crash=True)


def test_damaged_onnx_files_are_exported_or_refused(things: Things, few: range) -> None:
    seeds = [things.bundle / "model.onnx", *things.foreign]

    def command(held: Path, number: int) -> list[object]:
        path, seed = held / f"{number}.onnx", seeds[number // 4 % len(seeds)]
        path.write_bytes(damaged_file(seed, number))
        size = ["--input-size", SIDE] if seed in things.foreign else []
        to = ["--out", held / str(number), *(INT8 if number % 2 else [])]
        return ["export", path, *STATED, *size, "--calib", things.place / "photos", *to]

    check(things, few, command, may_crash=True)


def test_damaged_bundles_are_explained_or_refused(things: Things, fewest: range) -> None:
    def command(held: Path, number: int) -> list[object]:
        damaged_bundle(things.bundle, held / str(number), number)
        given = ["--net", "net.py:build", "--weights", "w.safetensors", "--bundle"]
        photo, picture = things.place / "photos" / "0" / "photo.png", held / f"{number}.png"
        return ["explain", photo, *given, held / str(number), "--out", picture]

    check(things, fewest, command, may_crash=True)
