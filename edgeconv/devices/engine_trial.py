"""Loads an engine in a process of its own, which may end by it: `python -m … ENGINE`.

An engine built for another CPU ends the process that imports it by a signal (SIGILL).
"""

from __future__ import annotations

import json
import sys
from typing import Any

from edgeconv.runtime import litert, ort
from edgeconv.runtime.saturation import int8_convolution_saturates


def trial(engine: str) -> dict[str, Any]:
    """Whether it opens, or why not; of onnxruntime also whether its int8 kernels saturate here."""
    try:
        if engine == "litert":
            litert.import_engine("edgeconv")
            return {"opens": True}
        ort.import_engine("edgeconv")
        return {"opens": True, "saturates": int8_convolution_saturates()}
    except Exception as error:  # whatever a broken installation raises is what is asked for
        return {"opens": False, "why": str(error)}


if __name__ == "__main__":
    print(json.dumps(trial(sys.argv[1])))  # noqa: T201 - the answer
