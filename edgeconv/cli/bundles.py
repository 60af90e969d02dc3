"""Which bundles a verb takes: those named, by path or by net, or those in the current directory."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from edgeconv.disk import read_bounded
from edgeconv.documents import NotJson, parse
from edgeconv.errors import UsageError
from edgeconv.nets.registry import NETS
from edgeconv.report.console import say

_A_BUNDLE = (
    "a bundle is a directory that `edgeconv export NET --int8` writes, given by its path or its "
    "net's name"
)


def is_model_file(target: str) -> bool:
    """Whether a word stands for one model file, there or not; a bundle may be named like one."""
    from edgeconv.runtime.open import ENGINE_OF_SUFFIX

    return Path(target).suffix in ENGINE_OF_SUFFIX and not Path(target).is_dir()


def bundle_directory(target: str, out: Path | None = None) -> Path:
    """The bundle a NET, or a path, stands for; `out` overrides where a NET's bundle is looked for.

    A path wins over a name. A net's bundle is `./NET`, or `./NET-untrained` where only that exists.
    """
    from edgeconv.bundle.manifest import FILE_NAME
    from edgeconv.bundle.staging import recover

    if not target:
        raise UsageError(f"an empty name is no bundle; {_A_BUNDLE}")
    name = Path(target)
    untrained = name.parent / f"{name.name}-untrained"
    for candidate in (out or name, untrained):
        recover(candidate.absolute())
        if (candidate / FILE_NAME).is_file():
            return candidate
    looked = out or name
    if looked.is_dir():
        what = f"holds no {FILE_NAME}" if any(looked.iterdir()) else "is empty"
        raise UsageError(f"{looked} is no bundle: it {what}; {_A_BUNDLE}")
    if looked.exists():
        raise UsageError(f"{looked} is a file, no bundle; {_A_BUNDLE}")
    if target in NETS:
        raise UsageError(
            f"there is no bundle at {looked}; export it first: edgeconv export {target} --int8"
        )
    raise UsageError(f"there is no bundle at {looked}{_near(name)}; {_A_BUNDLE}")


def _near(name: Path) -> str:
    """A question after bundles beside it, or nets, whose names come near; or nothing."""
    from edgeconv.bundle.manifest import FILE_NAME

    beside = name.parent.iterdir() if name.parent.is_dir() else ()
    bundles = [each.name for each in beside if (each / FILE_NAME).is_file()]
    near = difflib.get_close_matches(name.name, [*bundles, *NETS], n=3, cutoff=0.6)
    return f" (did you mean {' or '.join(near)}?)" if near else ""


def given_or_here(targets: Sequence[str]) -> list[str]:
    """The targets, or where there is none every bundle here, which is told on stderr.

    The current directory comes first where it is a bundle itself, then its sub-directories by name;
    hidden ones are exports at work.

    Raises:
        UsageError: no target, and no bundle here.
    """
    if targets:
        return list(targets)
    here = Path()
    below = sorted(path for path in here.iterdir() if not path.name.startswith("."))
    found = [str(path) for path in (here, *below) if _is_bundle(path)]
    if not found:
        raise UsageError(
            "no target was given, and there is no bundle in the current directory; make one with "
            "`edgeconv export mobilenet_v2 --int8`, or name a bundle"
        )
    say(f"of the current directory: {', '.join(found)}", err=True)
    return found


def _is_bundle(directory: Path) -> bool:
    """Whether it has a manifest; other tools' documents of that name are none."""
    from edgeconv.bundle.manifest import FILE_NAME, FORM

    try:
        content = read_bounded(directory / FILE_NAME, FORM.most_bytes)
        document = None if content is None else parse(content)
    except OSError:
        return False
    except NotJson:
        return True  # damaged: whoever opens it says so
    return isinstance(document, dict) and isinstance(document.get("files"), dict)
