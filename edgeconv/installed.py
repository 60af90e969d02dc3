"""What is installed of what edgeconv uses: all of it, or only what runs bundles.

`edgeconv-runtime` brings this package without what exports nets. What asks for more there is told
so in one line; `pip install edgeconv` brings the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata
from importlib.util import find_spec

#: Packages that `edgeconv` needs and `edgeconv-runtime` does without, as they are imported.
EXPORTS_WITH = (
    *("torch", "torchvision", "onnx", "onnx_ir", "onnxsim"),
    *("flatbuffers", "safetensors", "scipy", "jinja2", "matplotlib"),
)
#: What this package may have been installed as; the first of them is imported where both are.
DISTRIBUTIONS = ("edgeconv", "edgeconv-runtime")


def installed_as() -> dict[str, str]:
    """The version of each of DISTRIBUTIONS that is installed; empty beside a bare checkout."""
    return versions(DISTRIBUTIONS)


def own_version() -> str:
    """Of what is installed; of a bare checkout on Python's path, which has none, "0+unknown"."""
    return next(iter(installed_as().values()), "0+unknown")


def versions(distributions: Iterable[str]) -> dict[str, str]:
    """Of those that are installed, by the packages' metadata."""
    found = {}
    for name in distributions:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def is_installed(package: str) -> bool:
    """Whether a package can be imported; nothing is imported for it."""
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def advice_without(error: BaseException) -> str | None:
    """What to say of a failed import where the package is one of those; None of other errors."""
    package = getattr(error, "name", None) if isinstance(error, ModuleNotFoundError) else None
    package = (package or "").partition(".")[0]
    if package not in EXPORTS_WITH:
        return None
    return (
        f"this needs {package}, which is not installed here: edgeconv-runtime only runs bundles "
        "(predict, parity, bench); pip install edgeconv"
    )
