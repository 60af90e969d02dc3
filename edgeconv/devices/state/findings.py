"""What `devices check` finds, and what it finds of this machine's GPU."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from edgeconv.devices.state.gpu import Gpu, gpus_here
from edgeconv.errors import UnavailableError
from edgeconv.runtime.ort import import_engine
from edgeconv.runtime.ort_provider import INSTALL, NAMES
from edgeconv.runtime.session import Provider

Verdict = Literal["ok", "warning", "missing"]


@dataclass(frozen=True)
class Finding:
    """One thing about a device.

    Attributes:
        what: such as "governor".
        value: what it is; None where the device does not tell.
        verdict: "ok", "warning" (figures may suffer) or "missing" (an engine cannot run).
        advice: what to do about it; "" where nothing is to be done.
    """

    what: str
    value: str | None
    verdict: Verdict = "ok"
    advice: str = ""


def judged(what: str, value: str | None, advice: str, verdict: Verdict = "warning") -> Finding:
    """A finding of this verdict where there is something to be done about it, of "ok" elsewhere."""
    return Finding(what, value, verdict if advice else "ok", advice)


def findings_of_gpu(provider: Provider, *, torch: bool) -> Iterator[Finding]:
    """This machine's GPUs, and whether the engines were built for them.

    Here it is not enough that a package is installed. `torch` is one of the engines or not.
    """
    found = gpus_here()
    advice = "" if found else "`nvidia-smi` tells of none: install NVIDIA's driver"
    yield judged("GPU", ", ".join(map(_told, found)) or None, advice, "missing")
    yield _onnxruntime(provider)
    if torch:
        advice = torch_advice()
        yield judged("torch's CUDA", "no" if advice else "yes", advice)


def torch_advice() -> str:
    """What to do so that torch finds a GPU; "" where it does."""
    try:
        import torch
    except ImportError:
        return "pip install torch"
    if torch.cuda.is_available():
        return ""
    return "pip install a torch with CUDA (pytorch.org/get-started says which)"


def _onnxruntime(provider: Provider) -> Finding:
    try:
        there = import_engine("this device").get_available_providers()
    except UnavailableError:
        there = []
    is_there = set(NAMES[provider]) <= set(there)
    advice = "" if is_there else INSTALL[provider]
    return judged("onnxruntime's providers", ", ".join(there) or None, advice, "missing")


def _told(gpu: Gpu) -> str:
    clock = "" if gpu.clock_mhz is None else f", {gpu.clock_mhz} MHz"
    celsius = "" if gpu.temperature_c is None else f", {gpu.temperature_c} °C"
    return f"{gpu.name} (driver {gpu.driver}{clock}{celsius})"
