"""Whether this machine's CPU computes in half precision, as ARMv8.2's may.

XNNPACK then takes float16 kernels for a file that allows them: every product and every sum is
rounded to eleven bits, not the constants alone.
"""

from __future__ import annotations

import functools
import platform
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
#: Linux's name of half-precision vector arithmetic on ARM.
_FEATURE = "asimdhp"


@functools.cache
def computes_in_half_precision() -> bool:
    """Where Linux does not tell (Apple's chips), every 64-bit ARM core counts as one that does."""
    if platform.machine() not in ("aarch64", "arm64"):
        return False
    try:
        return _FEATURE in _CPUINFO.read_text("utf-8", "replace").split()
    except OSError:
        return True
