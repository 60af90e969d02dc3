"""Import and call code of the user's.

It may fail in any way, so `run_user_code` is the one place that catches every exception: each
becomes a NetRefused that shows the user's own line. Ctrl-C and a lack of memory are not its own.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import linecache
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import torch

from edgeconv.errors import EdgeconvError, NetRefused, UsageError
from edgeconv.nets.generated_lines import user_line
from edgeconv.nets.torchvision_shim import import_torchvision, is_missing_operator

T = TypeVar("T")

_PACKAGE = "_edgeconv_user_"
_NOT_THE_USERS = (
    str(Path(__file__).resolve().parents[1]),
    str(Path(torch.__file__).resolve().parent),
    "<frozen",
)
_NOT_ITS_OWN = (EdgeconvError, KeyboardInterrupt, MemoryError)
_loaded_neighbours: set[str] = set()


def run_user_code(
    action: Callable[[], T],
    target: str,
    failed: str = "failed",
    advise: Callable[[BaseException], str | None] = lambda _: None,
) -> T:
    """Run the user's code once, or again after torchvision was mended.

    Args:
        action: runs it.
        target: what it is called in a message.
        failed: what the message says of it.
        advise: the way out of an error, None where none is known.

    Raises:
        NetRefused: it raised; the message holds its error, the place and the line.
    """
    try:
        return action()
    except _NOT_ITS_OWN:
        raise
    except BaseException as error:
        raised = _with_words(error)
        if not is_missing_operator(raised):
            raise _refusal(raised, f"{target} {failed}", advise(raised)) from error
    import_torchvision()
    try:
        return action()
    except _NOT_ITS_OWN:
        raise
    except BaseException as error:
        raised = _with_words(error)
        raise _refusal(raised, f"{target} {failed}", advise(raised)) from error


@contextmanager
def neighbours(directory: Path) -> Iterator[None]:
    """Let user code inside import its neighbours by name.

    What an earlier load imported from beside a file is read anew, so that an edit counts and two
    directories with a file of the same name do not mix.
    """
    for name in _loaded_neighbours:
        sys.modules.pop(name, None)
    _loaded_neighbours.clear()
    importlib.invalidate_caches()
    linecache.checkcache()
    before = set(sys.modules)
    entry = str(directory)
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        with suppress(ValueError):
            sys.path.remove(entry)
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            if name.startswith(_PACKAGE) or (file and Path(file).parent == directory):
                _loaded_neighbours.add(name)


def import_file(path: Path) -> ModuleType:
    """Import a file as a member of a package that stands for its directory.

    So `from .neighbour import x` works as well as `import neighbour`.

    Raises:
        UsageError: there is no such file.
    """
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file")
    package = _PACKAGE + hashlib.sha256(str(path.parent).encode()).hexdigest()[:12]
    parent = ModuleType(package)
    parent.__path__ = [str(path.parent)]
    sys.modules[package] = parent
    name = f"{package}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is no Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def import_named(name: str) -> ModuleType:
    """Import an installed module, or one below the current directory.

    Raises:
        UsageError: there is none of that name.
    """
    refusal = UsageError(
        f"there is no module {name}; install it, or give its file as path/to/file.py:factory"
    )
    if not all(part.isidentifier() for part in name.split(".")):
        raise refusal
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise refusal from error
        raise  # something that the user's module itself imports


def _with_words(error: BaseException) -> BaseException:
    """The error, or another one in its place where its own message cannot be read."""
    try:
        str(error)
    except Exception:
        message = f"a {type(error).__name__} whose message cannot be read"
        return RuntimeError(message).with_traceback(error.__traceback__)
    return error


def _refusal(error: BaseException, what: str, advice: str | None) -> NetRefused:
    message = _message(error)
    if advice is not None:
        message = f"{message.splitlines()[0].rstrip('.')}; {advice}"
    return NetRefused(f"{what}: {type(error).__name__}: {message}", *_place(error))


def _message(error: BaseException) -> str:
    """The error's words; of TorchScript's, which tell its calls, the first and the last ones."""
    words, calls, last = str(error).partition("Traceback of TorchScript")
    if calls:
        words = f"{words.strip()} {last.strip().splitlines()[-1]}"
    return words.strip() or "no message"


def _place(error: BaseException) -> tuple[str, ...]:
    """The user's innermost line, or nothing where the error names one itself or there is none."""
    if isinstance(error, SyntaxError):
        line = (error.text or "").strip()
        return (f"  {error.filename}:{error.lineno}: {line}",)
    lines = (user_line(*step) for step in traceback.walk_tb(error.__traceback__))
    own = [(file, line) for file, line in lines if not file.startswith(_NOT_THE_USERS)]
    if not own:
        return ()
    innermost, number = own[-1]
    text = linecache.getline(innermost, number).strip() if isinstance(number, int) else ""
    return (f"  {innermost}:{number}: {text}",)
