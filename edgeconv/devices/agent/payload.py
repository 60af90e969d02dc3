"""What is pushed to a device with Python: the agent as one file, and the engines as another.

Both have the same bytes whenever they are built from the same things, so a device that has them is
recognized by their hash.
"""

from __future__ import annotations

import compileall
import fnmatch
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from py_compile import PycInvalidationMode

import edgeconv

#: Parts of the wheels that no session needs; they would double what is sent.
_LEFT_OUT = (
    "*/tests/*",
    "numpy/f2py/*",
    "onnxruntime/quantization/*",
    "onnxruntime/tools/*",
    "onnxruntime/transformers/*",
    "ai_edge_litert/aot/*",
    "ai_edge_litert/libLiteRtWebGpuAccelerator.so",
)
#: The start of time for zip files.
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
#: A wheel that unpacks to more is none of the engines'.
_MOST_UNPACKED_BYTES = 2**30
#: Takes the directory of the engines as its first argument.
_MAIN = """\
import sys
sys.path.insert(1, sys.argv.pop(1))
from edgeconv.runtime.agent import main
sys.exit(main())
"""


def write_agent(path: Path) -> None:
    """Writes the agent as a zip file that Python runs: `python3 -I agent.pyz ENGINES`."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in _agent_sources():
            info = zipfile.ZipInfo(name, _ZIP_EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)


def write_engines(wheels: Sequence[Path], path: Path, *, compiled: bool) -> None:
    """Unpacks wheels into a tar file that holds what sessions need of them.

    Args:
        wheels: trusted ones: pip has checked their hashes.
        path: the tar file.
        compiled: whether to compile the modules here, which saves the device seconds at each
            import; only for a device whose Python is of this one's version.
    """
    with tempfile.TemporaryDirectory() as held:
        root = Path(held)
        for wheel in wheels:
            _unpack(wheel, root)
        if compiled:
            compileall.compile_dir(
                root,
                quiet=2,
                stripdir=held,
                invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
            )
        with tarfile.open(path, "w") as archive:
            for file in sorted(root.rglob("*")):
                archive.add(file, str(file.relative_to(root)), recursive=False, filter=_anonymous)


def same_python(version: tuple[int, int]) -> bool:
    """Whether modules compiled here run on a device with that Python."""
    return sys.version_info[:2] == version


def _agent_sources() -> Iterator[tuple[str, bytes]]:
    yield "__main__.py", _MAIN.encode()
    package = Path(edgeconv.__file__).resolve().parent
    names = ("__init__", "disk", "documents", "errors", "installed")
    sources = [*(package / f"{name}.py" for name in names), *package.glob("runtime/**/*.py")]
    for source in sorted(sources):
        yield f"edgeconv/{source.relative_to(package).as_posix()}", source.read_bytes()


def _unpack(wheel: Path, root: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        kept = [info for info in archive.infolist() if _is_needed(info.filename)]
        if sum(info.file_size for info in kept) > _MOST_UNPACKED_BYTES:
            raise AssertionError(f"{wheel.name} unpacks to more than {_MOST_UNPACKED_BYTES} bytes")
        archive.extractall(root, kept)


def _is_needed(name: str) -> bool:
    return not any(fnmatch.fnmatchcase(name, pattern) for pattern in _LEFT_OUT)


def _anonymous(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without what differs from one host, user and moment to the next."""
    info.mtime = 0
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mode = 0o755 if info.isdir() or info.mode & 0o100 else 0o644
    return info
