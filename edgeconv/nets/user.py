"""A net of the user's own: "path/to/file.py:factory" or "package.module:factory"."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from edgeconv.data.inputs import InputSpec
from edgeconv.data.preprocessing import Preprocessing
from edgeconv.errors import NetRefused, RefusedError, UnknownName, UsageError
from edgeconv.nets.declared_inputs import declared_inputs
from edgeconv.nets.detectors import refuse_detection
from edgeconv.nets.handed_over import READY, HandedOver
from edgeconv.nets.labels import is_label
from edgeconv.nets.plain import narrowed, require_float_net, unwrapped
from edgeconv.nets.program_shapes import stated_module
from edgeconv.nets.user_code import import_file, import_named, neighbours, run_user_code

_CLASSES_KEYWORDS = ("classes", "num_classes")


@dataclass(frozen=True)
class UserNet:
    """What a user's factory made.

    Attributes:
        module: float32, on the CPU, in the mode the factory left it.
        name: of the factory.
        inputs: its `input_shapes` attribute (a mapping of names to shapes without the batch axis)
            on the module or the factory, in the order of its forward; else None.
        preprocessing: its `preprocessing` attribute (a Preprocessing or a mapping of its fields),
            else None.
        labels: its `labels` attribute, else None.
        note: what to tell the user of how it was changed, else None.
    """

    module: nn.Module
    name: str
    inputs: tuple[InputSpec, ...] | None
    preprocessing: Preprocessing | None
    labels: tuple[str, ...] | None
    note: str | None


def load_user_net(
    target: str | HandedOver, options: Mapping[str, Any] = {}, classes: int | None = None
) -> UserNet:
    """Import the user's code and build the net.

    Args:
        target: "path/to/file.py:factory" or "package.module:factory", where factory is a module, a
            class or a function; or such a one itself.
        options: keywords for the factory.
        classes: passed as `classes` or `num_classes`, whichever the factory takes.

    Raises:
        UnknownName: the factory takes no such option.
        UsageError: there is no such file, module or attribute, or it cannot be called like this.
        NetRefused: the user's code raised, or returned something else than an nn.Module.
    """
    title = str(target)
    # What the user's code prints must not mix with results on stdout.
    with redirect_stdout(sys.stderr), _factory(target) as (factory, name):
        module = _build(factory, title, options, classes)
    if isinstance(module, torch.export.ExportedProgram):
        module = stated_module(module, title)
    if not isinstance(module, nn.Module):
        raise NetRefused(f"{title} returned a {type(module).__name__}, not an nn.Module")
    bare = unwrapped(module)
    _check_module(bare, title)
    refuse_detection(bare, title)
    note = narrowed((*bare.parameters(), *bare.buffers()))
    holders: tuple[Any, ...] = (bare, module, factory)
    if isinstance(target, HandedOver):  # copies of graph modules lose what was set on them
        holders += (target.maker,)
    return UserNet(
        module=bare.to("cpu", torch.float32),
        name=name,
        inputs=declared_inputs(holders, bare, title),
        preprocessing=_preprocessing(holders, title),
        labels=_labels(holders, title),
        note=note,
    )


@contextmanager
def _factory(target: str | HandedOver) -> Iterator[tuple[Any, str]]:
    """What makes a net, and its name; in the block, code beside a file can be imported by name."""
    if isinstance(target, HandedOver):
        yield target.own(), target.name
        return
    place, _, attribute = target.rpartition(":")
    if not place or not attribute:
        raise UsageError(f"{target} is not path/to/file.py:factory or package.module:factory")
    is_file = place.endswith(".py") or "/" in place or "\\" in place
    path = Path(place).resolve()
    with neighbours(path.parent if is_file else Path.cwd()):
        source = run_user_code(
            lambda: import_file(path) if is_file else import_named(place), target
        )
        yield _attribute(source, attribute, target), attribute


def _attribute(source: ModuleType, name: str, target: str) -> Any:
    if hasattr(source, name):
        return getattr(source, name)
    public = [known for known in vars(source) if not known.startswith("_")]
    callables = [known for known in public if callable(getattr(source, known))]
    offered = ", ".join(callables[:8]) or "nothing that can be called"
    raise UnknownName(f"attribute (from {target})", name, public, f"The file offers: {offered}")


def _build(factory: Any, target: str, options: Mapping[str, Any], classes: int | None) -> Any:
    keywords = dict(options)
    if isinstance(factory, READY):
        if keywords or classes is not None:
            raise UsageError(f"{target} is a module already, so it takes no options and no classes")
        return factory
    if not callable(factory):
        raise UsageError(
            f"{target} is a {type(factory).__name__}; it must be an nn.Module or a function or "
            "class that makes one"
        )
    try:
        signature = inspect.signature(factory)
    except ValueError:  # some built-in callables have none
        return run_user_code(lambda: factory(**keywords), target)
    if classes is not None:
        keywords[_classes_keyword(signature, target)] = classes
    _require_options(options, signature, target)
    try:
        signature.bind(**keywords)
    except TypeError as error:
        given = ", ".join(f"{name}={value!r}" for name, value in keywords.items())
        raise UsageError(
            f"{target} cannot be called with ({given}): {error}; it takes {signature}"
        ) from error
    return run_user_code(lambda: factory(**keywords), target)


def _require_options(options: Mapping[str, Any], signature: inspect.Signature, target: str) -> None:
    """Raises UnknownName where the factory takes no keyword of an option's name."""
    kinds = {name: parameter.kind for name, parameter in signature.parameters.items()}
    if inspect.Parameter.VAR_KEYWORD in kinds.values():
        return
    takes_keyword = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    known = [name for name, kind in kinds.items() if kind in takes_keyword]
    for name in options:
        if name not in known:
            hint = f"The factory takes {signature}"
            raise UnknownName(f"option of {target}", name, known, hint)


def _classes_keyword(signature: inspect.Signature, target: str) -> str:
    for keyword in _CLASSES_KEYWORDS:
        if keyword in signature.parameters:
            return keyword
    raise UsageError(
        f"{target} takes no number of classes: its factory has no parameter called "
        f"{' or '.join(_CLASSES_KEYWORDS)}, it takes {signature}"
    )


def _check_module(module: nn.Module, target: str) -> None:
    require_float_net(module, target)
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if is_lazy(tensor):
            raise NetRefused(f"{target}: {name} has no shape yet; run the net once in the factory")
        if tensor.is_meta:
            raise NetRefused(f"{target}: {name} is on the meta device and has no values")
        if tensor.is_complex() or tensor.is_quantized or tensor.layout != torch.strided:
            kind = tensor.layout if tensor.layout != torch.strided else tensor.dtype
            raise NetRefused(
                f"{target}: {name} is {kind}; edgeconv takes nets whose weights are dense floats"
            )


def _preprocessing(holders: Sequence[Any], target: str) -> Preprocessing | None:
    for holder in holders:
        found = getattr(holder, "preprocessing", None)
        if isinstance(found, Preprocessing):
            return found
        if isinstance(found, Mapping):
            try:
                return Preprocessing.from_json(found)
            except RefusedError as error:
                raise UsageError(f"{target}: {error}") from error
    return None


def _labels(holders: Sequence[Any], target: str) -> tuple[str, ...] | None:
    for holder in holders:
        found = getattr(holder, "labels", None)
        if found is None or callable(found):
            continue
        if isinstance(found, str) or not isinstance(found, Sequence):
            raise UsageError(f"{target}: labels is a {type(found).__name__}, not a list of texts")
        names = tuple(str(label) for label in found)
        if not all(map(is_label, names)):
            raise UsageError(f"{target}: a label is longer than one line may be; shorten it")
        return names
    return None
