"""The libraries that are pushed with the native agent: LiteRT's, and a C library where needed.

LiteRT's wheel is built for glibc, and Android has another C library. So the agent brings a glibc
along, from Debian's cross-compiling packages, and is started by that glibc's own loader. Figures
from it are of glibc on Android: memory allocation and threads are not those of an app.
"""

from __future__ import annotations

import platform
import sys
import zipfile
from pathlib import Path

from edgeconv.devices.agent import wheels
from edgeconv.disk import cache_directory, write_whole
from edgeconv.errors import UnavailableError

_LITERT = "ai_edge_litert/libLiteRt.so"
_MOST_LITERT_BYTES = 256 * 2**20
LOADERS = {"aarch64": "ld-linux-aarch64.so.1", "x86_64": "ld-linux-x86-64.so.2"}
_NEEDED = "libc.so.6 libdl.so.2 libgcc_s.so.1 libm.so.6 libpthread.so.0 librt.so.1 libstdc++.so.6"
#: The oldest glibc the wheels in use are built for.
_WHEEL_GLIBC = (2, 31)


def litert(architecture: str) -> tuple[Path, str]:
    """LiteRT's library for an architecture, of the version installed here, and that version.

    Raises:
        UnavailableError: LiteRT is not installed here, or pip finds no wheel for it.
    """
    wanted = {"ai-edge-litert": wheels.versions(["litert"])["ai-edge-litert"]}
    version = wanted["ai-edge-litert"]
    kept = cache_directory() / "engines"
    library = kept / f"libLiteRt-{version}-{architecture}.so"
    if not library.is_file():
        python = wheels.DevicePython(sys.version_info[:2], architecture, _WHEEL_GLIBC)
        (wheel,) = wheels.fetch(python, wanted, kept / python.tag)
        _extract(wheel, library)
    return library, version


def c_library(architecture: str) -> list[Path]:
    """glibc's loader and the shared libraries that LiteRT needs, the loader first.

    Raises:
        UnavailableError: this machine has none for that architecture.
    """
    names = (LOADERS[architecture], *_NEEDED.split())
    for directory in _directories(architecture):
        found = [directory / name for name in names]
        if all(path.is_file() for path in found):
            return found
    package = architecture.replace("aarch64", "arm64").replace("x86_64", "amd64")
    raise UnavailableError(
        f"there is no glibc for {architecture} on this machine to bring along: "
        f"apt-get install libstdc++6-{package}-cross (Debian, Ubuntu)"
    )


def _directories(architecture: str) -> list[Path]:
    cross = [Path(f"/usr/{architecture}-linux-gnu/lib")]
    if platform.machine() == architecture:
        return [*cross, Path(f"/lib/{architecture}-linux-gnu")]
    return cross


def _extract(wheel: Path, library: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        try:
            size = archive.getinfo(_LITERT).file_size
        except KeyError:
            raise UnavailableError(
                f"{wheel.name} holds no {_LITERT}; the native agent needs ai-edge-litert 2.3"
            ) from None
        if size > _MOST_LITERT_BYTES:
            raise UnavailableError(f"{wheel.name}: {_LITERT} is larger than any LiteRT")
        write_whole(library, archive.read(_LITERT))
