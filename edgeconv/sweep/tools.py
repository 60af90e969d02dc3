"""What is installed here, as far as it can change a result."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import version
from pathlib import Path

from edgeconv.installed import own_version

_PACKAGES = ("torch", "onnx", "onnxsim", "onnxruntime", "ai-edge-litert", "numpy", "pillow")


def tools() -> dict[str, str]:
    """What could make a difference, by version; edgeconv by its very code."""
    root = Path(__file__).parents[1]
    code = hashlib.sha256()
    for source in sorted(root.rglob("*.py")):
        code.update(source.read_bytes())
    return {
        "edgeconv": f"{own_version()} {code.hexdigest()[:12]}",
        "python": platform.python_version(),
        **{package: version(package) for package in _PACKAGES},
    }
