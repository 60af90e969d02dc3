"""The program as users start it, hundreds of times, without its imports' time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

#: Imports what the verbs import and computes nothing, so that its forks are as good as new.
PRELOADED = """
import json, os, sys, urllib.request
import onnxruntime, torch
import edgeconv.devices.bench.run, edgeconv.export.pipeline, edgeconv.verify.accuracy.evaluate
import edgeconv.verify.audit.any_file, edgeconv.verify.diagnose, edgeconv.explain

def offline(*_, **__):
    raise urllib.error.URLError("the tests are offline")

urllib.request.urlopen = offline
"""
_SERVER = f"""{PRELOADED}
from edgeconv.cli.main import command

for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if child == 0:
        os.chdir(job["directory"])
        for number, path in enumerate((os.devnull, job["out"], job["err"])):
            opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            os.dup2(opened, number)
            os.close(opened)
        sys.argv = ["edgeconv", *job["words"]]
        command()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str


@dataclass
class CommandServer:
    """Runs commands; the caches of all of them lie in `place`."""

    place: Path
    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        caches = {"XDG_CACHE_HOME": str(self.place), "XDG_CONFIG_HOME": str(self.place)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **caches, "OMP_NUM_THREADS": "1", "COLUMNS": "200"},
        )

    def run(self, directory: Path, *words: object) -> Done:
        """`edgeconv WORDS...` in a directory."""
        out, err = self.place / "out", self.place / "err"
        given = tuple(map(str, words))
        job = {"directory": str(directory), "words": given, "out": str(out), "err": str(err)}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(job), file=self.process.stdin, flush=True)
        code = int(self.process.stdout.readline())
        return Done(given, code, _text(out), _text(err))

    def stop(self) -> None:
        """Nothing it holds needs an orderly end."""
        self.process.kill()
        self.process.communicate()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="surrogateescape")
