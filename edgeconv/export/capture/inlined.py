"""What stands between a module's code and its trace is taken away while it is traced."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

from torch import Tensor, nn
from torch._C import _functorch
from torch.autograd.function import Function, FunctionCtx
from torch.nn.utils import stateless

from edgeconv.nets.one_float import OneFloat
from edgeconv.nets.running import tensors_of, uncompiled


@contextmanager
def inlined(module: nn.Module) -> Iterator[None]:
    """A trace of the module sees what is computed, whatever its code wraps around that."""
    with _untraced_compilations(), _transforms_ended(), as_written(module):
        yield


@contextmanager
def as_written(module: nn.Module) -> Iterator[None]:
    """The module runs what its code computes, uncompiled, with nothing but tensors at its ends."""
    with (
        uncompiled(),
        _functions_as_written(),
        _modules_of_other_weights(),
        _plain_ends(module),
    ):
        yield


@contextmanager
def _plain_ends(module: nn.Module) -> Iterator[None]:
    """The module's forward takes tensors alone, and gives a tuple of those it gives, nothing else.

    The exporter fills in arguments that have defaults, which it must not, and knows neither
    dataclasses nor None.
    """
    own, inner = vars(module).get("forward"), module.forward

    def forward(*given: Tensor) -> tuple[Tensor, ...]:
        with OneFloat(given[0].dtype):
            return tuple(tensors_of(inner(*given)))

    module.forward = forward
    try:
        yield
    finally:
        if own is None:
            del module.forward
        else:
            module.forward = own


@contextmanager
def _functions_as_written() -> Iterator[None]:
    """Functions with a gradient of their own run as what they compute, checkpoints among them.

    One that says itself what it is in ONNX does so.
    """
    apply = vars(Function)["apply"]

    def compute(cls: Any, *args: Any, **kwargs: Any) -> Any:
        if hasattr(cls, "symbolic"):
            return apply.__get__(None, cls)(*args, **kwargs)
        has_context = cls.setup_context is Function.setup_context
        return cls.forward(*([FunctionCtx()] if has_context else []), *args, **kwargs)

    Function.apply = classmethod(compute)  # type: ignore[assignment]
    try:
        yield
    finally:
        Function.apply = apply  # type: ignore[method-assign]


@contextmanager
def _untraced_compilations() -> Iterator[None]:
    """Functions given to torch.compile run as they are written in a trace, which refuses them.

    PyTorch compiles nothing inside of what it takes for a kernel.
    """
    if "torch._dynamo" not in sys.modules:  # importing it takes seconds; without it none can be
        yield
        return
    from torch._guards import TracingContext, tracing

    kernel = SimpleNamespace(in_kernel_invocation=True, shape_env=None)
    with tracing(TracingContext(cast(Any, kernel))):
        yield


@contextmanager
def _transforms_ended() -> Iterator[None]:
    """Transforms of torch.func that a program began and, failing, did not end, end here."""
    depth = _functorch.get_dynamic_layer_stack_depth()
    try:
        yield
    finally:
        _functorch.pop_dynamic_layer_stack_and_undo_to_depth(depth)


@contextmanager
def _modules_of_other_weights() -> Iterator[None]:
    """torch.func.functional_call runs in a trace, which it refuses for modules of TorchScript."""
    refusing = stateless._functional_call

    def call(
        module: nn.Module,
        parameters_and_buffers: dict[str, Tensor],
        args: Any = (),
        kwargs: dict[str, Any] | None = None,
        **ties: bool,
    ) -> Any:
        given = args if isinstance(args, tuple) else (args,)
        with stateless._reparametrize_module(module, parameters_and_buffers, **ties):
            return module(*given, **(kwargs or {}))

    stateless._functional_call = call
    try:
        yield
    finally:
        stateless._functional_call = refusing
