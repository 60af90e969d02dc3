"""Do the lowest versions that pyproject.toml promises work?

    python benchmarks/lowest.py [--as-here torch,torchvision] [--raise NAME=VERSION ...] [--fresh]

Installs every dependency at the lowest release its bound allows into `benchmarks/.env-lowest`, but
for those `--as-here` names, which it takes as they are installed here (PyTorch's other releases are
gigabytes), and runs each verb there on a small net. Prints the versions, and a line a verb. Exits 1
where one fails: `--raise` finds the version that a bound should name.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
ENVIRONMENT = HERE / ".env-lowest"
#: Each on what the ones before it wrote.
VERBS = (
    "export squeezenet1_1 --int8 --weights random --input-size 64 --calib-samples 8 --out b",
    "parity b",
    "bench b --runs 3 --processes 5 --json-file a.json",
    "compare a.json a.json",
    "eval b --data photos --task agreement",
    "diagnose b --photos 1",
    "audit b/model.int8.tflite",
    "audit b/model.int8.onnx",
    "inspect b/model.int8.onnx",
    "explain photos/coffee.png --net squeezenet1_1 --weights random",
    "export mobilenet_v3_small --int8 --weights random --input-size 64 --calib-samples 8 --out c",
    "list",
    "doctor",
)
_DEADLINE_S = 900


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--as-here", default="torch,torchvision")
    parser.add_argument("--raise", dest="raised", action="append", default=[])
    parser.add_argument("--fresh", action="store_true", help="make the environment anew")
    asked = parser.parse_args()
    as_here = set(filter(None, asked.as_here.split(",")))
    pins = dict(_lowest(as_here)) | dict(each.split("=", 1) for each in asked.raised)
    for name, version in pins.items():
        print(f"{name:16} {version}{'  (as here)' if name in as_here else ''}", flush=True)
    _install(pins, fresh=asked.fresh)
    with tempfile.TemporaryDirectory() as place:
        failed = [verb for verb in VERBS if not _passes(verb, Path(place))]
    raise SystemExit(f"{len(failed)} of {len(VERBS)} verbs fail" if failed else 0)


def _lowest(as_here: set[str]) -> Iterator[tuple[str, str]]:
    """The version that each dependency is installed in."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for requirement in project["dependencies"]:
        name, bound = re.fullmatch(r"([\w-]+)>=([\d.]+)", requirement).groups()
        yield name, metadata.version(name) if name in as_here else _first(name, bound)


def _first(name: str, bound: str) -> str:
    """The lowest release from a bound on that the registry has for this Python."""
    command = [sys.executable, "-m", "pip", "index", "versions", name]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    line = next(line for line in told.splitlines() if line.startswith("Available versions: "))
    versions = line.removeprefix("Available versions: ").split(", ")
    return min((v for v in versions if _numbers(v) >= _numbers(bound)), key=_numbers)


def _numbers(version: str) -> tuple[int, ...]:
    """Without zeros at the end, so that 2.0 is 2.0.0."""
    numbers = [int(n) for n in re.findall(r"\d+", version)]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _install(pins: dict[str, str], *, fresh: bool) -> None:
    if fresh:
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    if not ENVIRONMENT.is_dir():
        venv.create(ENVIRONMENT, with_pip=True)
    pip = [str(ENVIRONMENT / "bin/python"), "-m", "pip", "--quiet", "--quiet", "install"]
    wanted = [f"{name}=={version.partition('+')[0]}" for name, version in pins.items()]
    for words in (wanted, ["--no-deps", "--force-reinstall", str(ROOT)]):
        subprocess.run([*pip, *words], check=True)


def _passes(verb: str, place: Path) -> bool:
    photos = place / "photos"
    if not photos.is_dir():
        photos.mkdir()
        shutil.copy(ROOT / "edgeconv/data/photos/coffee.png", photos)
    done = subprocess.run(
        [str(ENVIRONMENT / "bin/edgeconv"), *verb.split()],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=_DEADLINE_S,
        check=False,
    )
    why = "" if done.returncode == 0 else f": exit {done.returncode}, {_last(done.stderr)}"
    print(f"{'passes' if not why else 'FAILS':7} edgeconv {verb}{why}", flush=True)
    return not why


def _last(text: str) -> str:
    return next(reversed(text.strip().splitlines()), "")[:300]


if __name__ == "__main__":
    main()
