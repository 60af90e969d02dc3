"""The source archive and the wheel, built as a release does, and environments to put them in."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tarfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: All that a build reads.
_SOURCES = ("pyproject.toml", "README.md", "LICENSE", "edgeconv")


@dataclass(frozen=True)
class Built:
    """What is published."""

    sdist: Path
    wheel: Path


def build(place: Path) -> Built:
    """Builds the archive off a copy of the tree, and the wheel off the archive."""
    copy, dist = place / "copy", place / "dist"
    copy.mkdir()
    dist.mkdir()
    for name in _SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    sdist = _made(copy, "build_sdist", dist)
    with tarfile.open(sdist) as archive:
        archive.extractall(place / "unpacked", filter="data")
    (unpacked,) = (place / "unpacked").iterdir()
    return Built(sdist, _made(unpacked, "build_wheel", dist))


def _made(source: Path, hook: str, dist: Path) -> Path:
    """What a hook of the build's backend (PEP 517) makes."""
    code = f"from setuptools import build_meta as b; print(b.{hook}({str(dist)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=source, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return dist / done.stdout.splitlines()[-1]


def environment(place: Path) -> Path:
    """An environment with every package that is here but edgeconv; gives its folder of programs.

    `--system-site-packages` shows those of the Python that an environment like this one was made
    from, so the packages are linked one by one.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    linked = place / "linked"
    linked.mkdir()
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if "edgeconv" not in package.name and package.suffix != ".pth":
            (linked / package.name).symlink_to(package)
    (own,) = place.glob("lib/python3*/site-packages")
    (own / "linked.pth").write_text(f"{linked}\n", "utf-8")
    return place / "bin"
