"""Makes the environments of the tools that edgeconv is measured against.

    python benchmarks/environment.py [--force]

Creates `benchmarks/.env-others` (torch.onnx, onnxsim, onnxruntime's quantizer, litert-torch,
ai-edge-quantizer; from others.txt), `benchmarks/.env-onnx2tf` (onnx2tf with TensorFlow; from
onnx2tf.txt), `benchmarks/.env-nncf` (NNCF; from nncf.txt) and `benchmarks/.env-coverage` (from
others.txt, and coverage.txt's libraries of nets, these without what they ask for): 9 GB, some
minutes. An environment that matches its files is left as it is.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = ("others", "onnx2tf", "nncf", "coverage")
_BEFORE = {"coverage": ("others",)}
"""Whose versions are installed first, with all they need; the environment's own then have it."""


def folder(name: str) -> Path:
    """Where the environment lies."""
    return HERE / f".env-{name}"


def requirements(name: str) -> Path:
    """The versions it is made of."""
    return HERE / "environments" / f"{name}.txt"


def python(name: str) -> Path:
    """Its interpreter; ends the benchmark where the environment is missing or out of date."""
    if not is_current(name):
        raise SystemExit(
            f"{folder(name)} is missing or does not match {requirements(name).name}; "
            f"make it with: {sys.executable} {HERE / 'environment.py'}"
        )
    return folder(name) / "bin" / "python"


def is_current(name: str) -> bool:
    """Whether the environment was installed, whole, from the file as it is now."""
    stamp = folder(name) / "installed.txt"
    return stamp.is_file() and stamp.read_bytes() == versions(name)


def versions(name: str) -> bytes:
    """All it is installed from."""
    return b"".join(requirements(each).read_bytes() for each in (*_BEFORE.get(name, ()), name))


def make(name: str) -> None:
    """Creates the environment and installs it; its stamp is written last."""
    shutil.rmtree(folder(name), ignore_errors=True)
    venv.create(folder(name), with_pip=True)
    interpreter = folder(name) / "bin" / "python"
    command: list[str | Path] = [interpreter, "-m", "pip", "install", "--quiet"]
    for first in _BEFORE.get(name, ()):
        subprocess.run([*command, "-r", requirements(first)], check=True)
    alone = ["--no-deps"] if name in _BEFORE else []
    subprocess.run([*command, *alone, "-r", requirements(name)], check=True)
    (folder(name) / "installed.txt").write_bytes(versions(name))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--force", action="store_true", help="make them anew")
    force = parser.parse_args().force
    for name in NAMES:
        if is_current(name) and not force:
            print(f"{folder(name)}: up to date")
            continue
        print(f"{folder(name)}: installing {requirements(name).name} ...", flush=True)
        make(name)


if __name__ == "__main__":
    main()
