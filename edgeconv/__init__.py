"""edgeconv: PyTorch CNNs to verified int8 ONNX and TFLite bundles for phones and small ARM boards.

The whole API:

    import edgeconv

    bundle = edgeconv.export_bundle("mobilenet_v2", edgeconv.ExportOptions(int8=True))
    bundle = edgeconv.export_bundle(my_module)  # or a function that makes it
    bundle = edgeconv.Bundle.load("mobilenet_v2")

    bundle.parity().passed              # every file against the float reference
    net = bundle.open("int8.tflite")    # or "onnx", "tflite", "int8.onnx"
    net.predict(["cat.jpg"])[0].top(3)  # classes with probabilities

    edgeconv.EdgeconvError              # what every deliberate error derives from

Nothing heavy is imported until a name is used.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgeconv.bundle.bundle import Bundle
    from edgeconv.data.preprocessing import Preprocessing
    from edgeconv.data.stated import Stated
    from edgeconv.errors import EdgeconvError
    from edgeconv.export.options import ExportOptions
    from edgeconv.export.pipeline import export_bundle
    from edgeconv.runtime.session import SessionOptions
    from edgeconv.verify.thresholds import Thresholds

__all__ = [
    "Bundle",
    "EdgeconvError",
    "ExportOptions",
    "Preprocessing",
    "SessionOptions",
    "Stated",
    "Thresholds",
    "export_bundle",
]

_HOMES = {
    "Bundle": "edgeconv.bundle.bundle",
    "EdgeconvError": "edgeconv.errors",
    "ExportOptions": "edgeconv.export.options",
    "export_bundle": "edgeconv.export.pipeline",
    "Preprocessing": "edgeconv.data.preprocessing",
    "SessionOptions": "edgeconv.runtime.session",
    "Stated": "edgeconv.data.stated",
    "Thresholds": "edgeconv.verify.thresholds",
}


# onnxruntime reads it when it is imported, and otherwise writes a device id and a database into the
# user's cache then and there; its own function to switch that off comes too late.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'edgeconv' has no attribute {name!r}")
    try:
        return getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        from edgeconv.errors import UnavailableError
        from edgeconv.installed import advice_without

        if (advice := advice_without(error)) is None:
            raise
        raise UnavailableError(f"edgeconv.{name}: {advice}") from error
