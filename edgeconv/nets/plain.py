"""From a module as users keep it for training to one that can be traced: the same layers, bare."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

import torch
from torch import nn
from torch.ao.quantization import FakeQuantizeBase, ObserverBase
from torch.nn.parallel import DataParallel, DistributedDataParallel
from torch.nn.utils import parametrize

from edgeconv.errors import NetRefused

_QUANTIZED = ("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized", "torch.nn.quantized")


def unwrapped(module: nn.Module) -> nn.Module:
    """The module without what torch.compile, torch.export and the data-parallel classes put there.

    Args:
        module: any; its submodules are changed in place.
    """
    module = innermost(module)
    for child in module.modules():
        child._compiled_call_impl = None  # what Module.compile leaves
        for mode in ("train", "eval"):  # torch.export's modules refuse both; they have one mode
            vars(child).pop(mode, None)
        _restore_forward(child)
        for name, grandchild in list(child.named_children()):
            bare = innermost(grandchild)
            if bare is not grandchild:
                setattr(child, name, bare)
    return module


def innermost(module: nn.Module) -> nn.Module:
    """What is in wrappers of torch.compile and of the data-parallel classes; nothing is changed."""
    while (inner := _inside(module)) is not None:
        module = inner
    return module


def _inside(module: nn.Module) -> nn.Module | None:
    """What a wrapper holds, None where the module is none."""
    if isinstance(module, DataParallel | DistributedDataParallel):
        inner: nn.Module = module.module
        return inner
    compiled = getattr(module, "_orig_mod", None)
    return compiled if isinstance(compiled, nn.Module) else None


def _restore_forward(module: nn.Module) -> None:
    """Takes off `net.forward = torch.compile(net.forward)`."""
    original = getattr(vars(module).get("forward"), "_torchdynamo_orig_callable", None)
    if inspect.ismethod(original) and original.__self__ is module:
        del module.forward
    elif original is not None:
        module.forward = original


def fold_parametrizations(module: nn.Module) -> None:
    """Replaces what torch.nn.utils.parametrize computes (spectral norm, weight norm) by its result.

    Args:
        module: changed in place; it ends in eval mode, in which the results are its final ones.
    """
    module.eval()
    with torch.no_grad():
        for child in list(module.modules()):
            if parametrize.is_parametrized(child):
                assert isinstance(child.parametrizations, nn.ModuleDict)
                for name in list(child.parametrizations):
                    parametrize.remove_parametrizations(child, name, leave_parametrized=True)


def require_float_net(module: nn.Module, target: str) -> None:
    """Raises NetRefused where a net is quantized, or prepared for it, already."""
    for path, child in module.named_modules():
        if isinstance(child, FakeQuantizeBase | ObserverBase):
            raise NetRefused(
                f"{target}: {path} is a {type(child).__name__}, put there by PyTorch's "
                "quantization. edgeconv quantizes the float net itself: build it without "
                "prepare or prepare_qat, and load the trained weights into that"
            )
        if type(child).__module__.startswith(_QUANTIZED):
            raise NetRefused(
                f"{target}: {path} is a {type(child).__name__} of PyTorch's quantization, with "
                "rounded weights. edgeconv quantizes the float net itself: give that one"
            )


def narrowed(tensors: Iterable[torch.Tensor]) -> str | None:
    """What to tell of weights that are not float32, None where all are."""
    types = {str(t.dtype).removeprefix("torch.") for t in tensors if t.is_floating_point()}
    others = sorted(types - {"float32"})
    if not others:
        return None
    return f"the net's weights are {' and '.join(others)}; edgeconv computes with them in float32"
