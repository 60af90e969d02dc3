"""An interpreter that has imported some modules, and forks for each command.

    python forking.py MODULE...   reads commands as lines of JSON, answers each with a line of JSON

What is asked is {"command": [FILE or "-m", ...], "log": FILE, "cpu_s": N, "memory_gib": N,
"wall_s": N}; the answer is the command's exit code, or null where it was stopped for its time.
PyTorch and the engines take seconds to import, and a row is some six commands.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import runpy
import select
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_CRASHED = 1


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what an import prints is no answer
    for name in sys.argv[1:]:
        importlib.import_module(name)
    for line in sys.stdin:
        print(json.dumps(_ended(json.loads(line))), file=answers)


def _ended(asked: Mapping[str, Any]) -> int | None:
    """The exit code of the command, run in a fork; what it started ends with it."""
    child = os.fork()
    if child == 0:
        _become(asked)
    waiting = os.pidfd_open(child)
    ended, _, _ = select.select([waiting], [], [], asked["wall_s"])
    os.close(waiting)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if ended else None


def _become(asked: Mapping[str, Any]) -> None:
    code = _CRASHED
    try:
        os.setsid()
        log = Path(asked["log"])
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(log.parent)
        resource.setrlimit(resource.RLIMIT_CPU, (asked["cpu_s"], asked["cpu_s"] + 5))
        resource.setrlimit(resource.RLIMIT_AS, (asked["memory_gib"] << 30,) * 2)
        _run(asked["command"])
        code = 0
    except SystemExit as ended:
        code = _code(ended.code)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _run(command: Sequence[str]) -> None:
    if command[0] == "-m":
        sys.argv = list(command[1:])
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
        return
    sys.argv = list(command)
    sys.path.insert(0, str(Path(command[0]).parent))
    runpy.run_path(command[0], run_name="__main__")


def _code(code: object) -> int:
    """What an interpreter makes of `SystemExit`'s argument, a text printed."""
    if code is None or isinstance(code, int):
        return code or 0
    print(code, file=sys.stderr)
    return _CRASHED


if __name__ == "__main__":
    main()
