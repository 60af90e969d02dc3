"""What `devices check` says of a profile that computes on this machine's GPU."""

from __future__ import annotations

from collections.abc import Iterator

from edgeconv.devices.state.gpu import Gpu, gpus_here
from edgeconv.errors import UnavailableError
from edgeconv.runtime.ort import import_engine
from edgeconv.runtime.ort_provider import INSTALL, NAMES
from edgeconv.runtime.session import Provider

#: What it is called, its value, what to do where it is missing ("" where it is there).
Row = tuple[str, str | None, str]


def rows(provider: Provider) -> Iterator[Row]:
    """The GPUs, and whether onnxruntime and torch were built for them."""
    found = gpus_here()
    yield (
        "GPU",
        ", ".join(map(_told, found)) or None,
        "" if found else "`nvidia-smi` tells of none: install NVIDIA's driver",
    )
    yield _onnxruntime(provider)


def torch_advice() -> str:
    """What to do so that torch finds a GPU; "" where it does."""
    try:
        import torch
    except ImportError:
        return "pip install torch"
    if torch.cuda.is_available():
        return ""
    return "pip install a torch with CUDA (pytorch.org/get-started says which)"


def _onnxruntime(provider: Provider) -> Row:
    try:
        there = import_engine("this device").get_available_providers()
    except UnavailableError:
        return "onnxruntime's providers", None, INSTALL[provider]
    missing = [name for name in NAMES[provider] if name not in there]
    return "onnxruntime's providers", ", ".join(there), INSTALL[provider] if missing else ""


def _told(gpu: Gpu) -> str:
    clock = "" if gpu.clock_mhz is None else f", {gpu.clock_mhz} MHz"
    celsius = "" if gpu.temperature_c is None else f", {gpu.temperature_c} °C"
    return f"{gpu.name} (driver {gpu.driver}{clock}{celsius})"
