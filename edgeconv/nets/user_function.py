"""A function of the user's own: "path/to/file.py:function"."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from edgeconv.errors import UnknownName, UsageError
from edgeconv.nets.user_code import import_file, neighbours, run_user_code


def load_user_function(target: str) -> Callable[..., Any]:
    """Imports the file; what the function raises when it is called becomes a NetRefused too.

    Raises:
        UsageError: there is no such file, or no such function in it.
        NetRefused: the user's code raised.
    """
    place, _, name = target.rpartition(":")
    path = Path(place).resolve()
    with neighbours(path.parent), redirect_stdout(sys.stderr):
        module = run_user_code(lambda: import_file(path), target)
    public = [known for known in vars(module) if not known.startswith("_")]
    if not hasattr(module, name):
        raise UnknownName(f"function of {place}", name, public, f"It holds {', '.join(public[:8])}")
    function = getattr(module, name)
    if not callable(function):
        raise UsageError(f"{target} is a {type(function).__name__}, no function")

    def called(*arguments: Any) -> Any:
        with redirect_stdout(sys.stderr):
            return run_user_code(lambda: function(*arguments), target)

    return called
