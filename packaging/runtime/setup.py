"""edgeconv-runtime: the package of this checkout with the dependencies of what runs bundles alone.

It lies in `edgeconv_runtime/edgeconv`, and a line in a .pth file puts the former at the end of
Python's path. So it shares no file with `edgeconv`: both may be installed, the whole one is
imported then, and either may be removed. Everything else is as the root's pyproject.toml says.
"""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parents[2]
HOME = "edgeconv_runtime"
NEEDED = ("numpy", "pillow", "typer", "rich")
ENGINES = {"litert": "ai-edge-litert", "onnxruntime": "onnxruntime"}


class BuildPy(build_py):
    """Adds the line that puts the package on Python's path."""

    def run(self) -> None:
        """Copies the package, without what an earlier build left, and writes the file."""
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        (Path(self.build_lib) / f"{HOME}.pth").write_text(f"{HOME}\n", encoding="utf-8")


def _of_the_whole() -> dict[str, Any]:
    """What the root's pyproject.toml says of `edgeconv`."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {**document["project"], "data": document["tool"]["setuptools"]["package-data"]}


WHOLE = _of_the_whole()
BOUNDS = {re.split(r"[<>=!~\[; ]", line, maxsplit=1)[0]: line for line in WHOLE["dependencies"]}
PACKAGES = find_packages(str(ROOT), include=["edgeconv", "edgeconv.*"])
#: The photos are for calibration.
DATA = [pattern for pattern in WHOLE["data"]["edgeconv"] if not pattern.startswith("data/photos")]

setup(
    version=WHOLE["version"],
    python_requires=WHOLE["requires-python"],
    install_requires=[BOUNDS[name] for name in NEEDED],
    extras_require={extra: [BOUNDS[name]] for extra, name in ENGINES.items()},
    entry_points={
        "console_scripts": [f"edgeconv-runtime = {WHOLE['scripts']['edgeconv']}"],
        **{
            group: [f"{name} = {home}" for name, home in found.items()]
            for group, found in WHOLE.get("entry-points", {}).items()
        },
    },
    packages=[f"{HOME}.{package}" for package in PACKAGES],
    package_dir={f"{HOME}.edgeconv": "../../edgeconv"},
    package_data={f"{HOME}.edgeconv": DATA},
    cmdclass={"build_py": BuildPy},
)
