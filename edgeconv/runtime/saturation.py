"""Whether this CPU's onnxruntime computes int8 convolutions wrongly.

x86 CPUs with AVX2 but without VNNI multiply unsigned by signed bytes with VPMADDUBSW, which adds
two neighbouring products into 16 bits and clamps there: 255 * 127 + 255 * 127 = 64770 comes out as
32767. Whether a given build on a given CPU takes that road is found by running a convolution whose
exact result is known, never from CPU flags.
"""

from __future__ import annotations

import base64
import zlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edgeconv.runtime.ort import OrtSession
from edgeconv.runtime.session import SessionOptions

CHANNELS = 16
#: Step of the probe's output; the exact sum of 16 products of 127 * 127 is 63 steps of it.
OUTPUT_SCALE = 4096

WARNING = (
    "this CPU's onnxruntime kernels saturate in int8 convolutions (AVX2 without VNNI), so int8 "
    "ONNX files lose accuracy here; they are judged with graph optimizations off, as they compute "
    "on ARM and on CPUs with VNNI. Run them here with ORT_DISABLE_ALL, or use the TFLite file"
)

#: A QDQ model of one 1x1 convolution: x (1, 16, 4, 4) -> QuantizeLinear(scale 1) -> Conv, int8
#: weights 127 for even output channels and -127 for odd ones (scale 1, per channel), bias 0 ->
#: QuantizeLinear(scale 4096) -> DequantizeLinear -> y (1, 16, 4, 4). Opset 17, IR 8; zlib, base64.
#: Written with onnx.helper; tests/runtime/test_saturation.py builds it again and compares.
PROBE = (
    "eNrdk8FKxDAQhjuxuHFcJAYV0YPaY0AfwIul6sHgxasXaaDVolS7Vdv04voGPsI+nc/hpCyLdhUP9eSEn0Lm45+h"
    "P+H88H2ABwgVspLUVJJVaSBOkuIpzh+zJjnP8iQeqWX04zorN70JMMcb4kmNkcz8yu8g1MSTmlqyughWLr7QGCDd"
    "fiK+ccR9YlKk7ZAmSmbTwD++z5/VOg5vk1Ge3F2VN/FDEkIIExjgLhJClpYsLeHzQ/eIKGYE2PmZEq7VUEBEi2nf"
    "88ZHakksRLSiBk9pLtpWpUPX6iO1RV7OuNLC65R6Y1zQAQ6EQKXH7KVTr5367/1pJrbN5HSaiXWZnNF/XIzAuEj6"
    "1Sxe8wfx6nYteiz997rcprckN3CNgxTIOJDc13cy1LQ/NSMfPbH6ASOlAZQ="
)


@lru_cache(maxsize=1)
def int8_convolution_saturates() -> bool:
    """Runs the probe once a process and compares with exact integers.

    Raises:
        UnavailableError: onnxruntime is not installed.
    """
    return not np.array_equal(run_probe(SessionOptions()), exact_result())


def run_probe(options: SessionOptions) -> NDArray[np.float32]:
    """What onnxruntime gives for an input of 127 everywhere: float32 (1, 16, 4, 4)."""
    session = OrtSession(zlib.decompress(base64.b64decode(PROBE)), options)
    ones = np.ones(session.inputs[0].shape, np.float32)
    result: NDArray[np.float32] = session.run([127 * ones])[0]
    return result


def exact_result() -> NDArray[np.float32]:
    """The same in Python integers, rounded to the output's step."""
    steps = round(CHANNELS * 127 * 127 / OUTPUT_SCALE)
    signs = np.where(np.arange(CHANNELS) % 2 == 0, 1, -1).astype(np.float32)
    return np.broadcast_to(
        (signs * steps * OUTPUT_SCALE)[None, :, None, None], (1, CHANNELS, 4, 4)
    ).astype(np.float32)
