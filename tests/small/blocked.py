"""An interpreter that lacks packages which are installed here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from edgeconv.installed import EXPORTS_WITH

ROOT = Path(__file__).resolve().parents[2]
#: What `edgeconv` brings and `edgeconv-runtime` does not; both engines bring flatbuffers.
OF_THE_WHOLE = tuple(package for package in EXPORTS_WITH if package != "flatbuffers")

_BLOCK = """
import sys


class Lacking:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {packages!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.meta_path.insert(0, Lacking)
"""


def run(
    place: Path, words: Iterable[str], *, lacking: Iterable[str] = OF_THE_WHOLE
) -> subprocess.CompletedProcess[str]:
    """Runs Python with these words; neither it nor what it starts can import what is lacking."""
    packages = tuple(lacking)
    blocked = place / f"without-{'-'.join(packages)}"
    blocked.mkdir(exist_ok=True)
    (blocked / "sitecustomize.py").write_text(_BLOCK.format(packages=packages), encoding="utf-8")
    path = os.pathsep.join(map(str, (blocked, ROOT)))
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        cwd=place,
        env=os.environ | {"PYTHONPATH": path, "EDGECONV_PLAIN": "1"},
        timeout=300,
        check=False,
    )


def edgeconv(place: Path, *words: str, lacking: Iterable[str] = OF_THE_WHOLE):
    """The command line there."""
    return run(place, ["-m", "edgeconv", *words], lacking=lacking)


def documents(place: Path, *words: str, lacking: Iterable[str] = OF_THE_WHOLE):
    """What a verb says there with --json."""
    done = edgeconv(place, *words, "--json", lacking=lacking)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
