"""torch as an engine: `python -m edgeconv.devices.agent.torch_agent` answers one request, and ends.

It speaks as `edgeconv.runtime.agent` does and measures in the same way, but a net is built here
from its definition and run eagerly, in float32, as a training script would run it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from edgeconv.devices.agent.torch_net import TorchNet, read
from edgeconv.errors import ArtifactRefused, RefusedError, UnavailableError, UsageError
from edgeconv.runtime import agent
from edgeconv.runtime.host import conditions, peak_rss_bytes, rss_bytes
from edgeconv.runtime.requests import TimeRequest
from edgeconv.runtime.results import TimedResult
from edgeconv.runtime.timing import measure
from edgeconv.runtime.turns import Turns


def time_net(request: TimeRequest, turns: Turns | None = None) -> TimedResult:
    """Builds and times the net that the requested file describes, in this process.

    Raises:
        UnavailableError: torch has no CUDA, or is not installed.
        UsageError: a provider torch has not, or kernels or cores that cannot be.
        ArtifactRefused: the file describes no net, or the net cannot be built.
    """
    agent.pin(request.cores)
    start = time.perf_counter()
    device = _device(request)
    imported = time.perf_counter()
    baseline, before = rss_bytes(), conditions()
    loading = time.perf_counter()
    net, invoke = _opened(Path(request.path), device, request.seed)
    loaded = time.perf_counter()
    timing = measure(invoke, request.timing, turns)
    return TimedResult(
        engine="torch",
        import_ms=1e3 * (imported - start),
        load_ms=1e3 * (loaded - loading),
        timing=timing,
        rss_engine_bytes=baseline,
        rss_peak_bytes=peak_rss_bytes(),
        before=before,
        after=conditions(),
        provider=request.provider,
        batch=net.batch,
    )


def _device(request: TimeRequest) -> str:
    """torch's name of what computes, once it is known to be there."""
    if request.kernels != "default":
        raise UsageError(f"torch has default kernels, no {request.kernels} ones")
    try:
        import torch
    except ImportError as error:
        raise UnavailableError(f"torch cannot be imported ({error}); pip install torch") from error
    torch.set_num_threads(request.threads)
    if request.provider == "cpu":
        return "cpu"
    if request.provider != "cuda":
        raise UsageError(f"torch does not run on {request.provider}; it runs on cpu and cuda")
    if not torch.cuda.is_available():
        made = f"for CUDA {torch.version.cuda}" if torch.version.cuda else "without CUDA"
        raise UnavailableError(
            f"torch {torch.__version__} was built {made} and finds no GPU; pip install a torch "
            "with CUDA (pytorch.org/get-started says which), and see that `nvidia-smi` works"
        )
    return "cuda"


def _opened(path: Path, device: str, seed: int) -> tuple[TorchNet, Callable[[], None]]:
    """The net that a file describes, and what runs it; errors are of the classes hosts know."""
    try:
        net = read(path)
        return net, _prepared(net, device, seed)
    except RefusedError as error:
        raise ArtifactRefused(str(error)) from error
    except UsageError as error:
        raise UsageError(str(error)) from error


def _prepared(net: TorchNet, device: str, seed: int) -> Callable[[], None]:
    """Builds the net and its input where they run; the function runs it and waits for the end."""
    import torch

    from edgeconv.nets.load import load_net

    layout = torch.channels_last if net.channels_last else torch.contiguous_format
    size = (net.height, net.width) if net.height and net.width else None
    loaded = load_net(
        net.target,
        weights="random",
        net_options=net.options,
        classes=net.classes,
        input_size=size,
        seed=seed,
    )
    module = loaded.module.to(device=device, memory_format=layout)  # type: ignore[call-overload]
    # The best algorithm for each convolution is looked for in the first inference.
    torch.backends.cudnn.benchmark = True
    drawn_by = torch.Generator().manual_seed(seed)
    shapes = [(net.batch, *spec.shape) for spec in loaded.intake.inputs]
    drawn = [torch.randn(shape, generator=drawn_by) for shape in shapes]
    given = [
        tensor.to(
            device=device, memory_format=layout if tensor.ndim == 4 else torch.preserve_format
        )
        for tensor in drawn
    ]
    wait: Callable[[], None] = torch.cuda.synchronize if device == "cuda" else _nothing
    wait()

    def invoke() -> None:
        with torch.inference_mode():
            module(*given)
        wait()

    return invoke


def _nothing() -> None:
    """The CPU has finished when the call returns."""


if __name__ == "__main__":
    sys.exit(agent.main(time_net))
