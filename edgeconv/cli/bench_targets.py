"""Which files a bench's targets stand for, at the batch sizes asked for."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgeconv.cli.bundles import bundle_directory, is_model_file
from edgeconv.cli.options import arguments
from edgeconv.errors import ArtifactRefused, UnknownName, UsageError
from edgeconv.report.console import say

if TYPE_CHECKING:
    from edgeconv.cli.options.bench import Files
    from edgeconv.devices.agent.torch_net import TorchNet
    from edgeconv.devices.profile.model import Profile

_MOST_BATCH = 4096


@dataclass(frozen=True)
class _Wanted:
    """What to take of each target: the options, and the engines and batch sizes they stand for."""

    options: Files
    engines: Sequence[str]
    batches: Sequence[int]


@contextmanager
def files(targets: Sequence[str], options: Files, chosen: Profile) -> Iterator[dict[str, Path]]:
    """Every file to measure, by the name it is shown under; one given again has a (2) behind it.

    Descriptions for torch and copies at other batch sizes are there while the context is open.

    Raises:
        UsageError: nothing to measure, or a file that has no other batch size.
        RefusedError: a bundle or a file cannot be used.
    """
    if options.out is not None and len(targets) != 1:
        raise UsageError("--out goes with one NET")
    wanted = _wanted(options, chosen)
    with tempfile.TemporaryDirectory() as held:
        paths: dict[str, Path] = {}
        for number, target in enumerate(targets):
            directory = Path(held) / str(number)
            directory.mkdir()
            for name, path in _of(target, wanted, directory).items():
                paths[_unused(_shown(target, name, alone=len(targets) == 1), paths)] = path
        if not paths:
            raise UsageError(f"no file given is for {', '.join(wanted.engines)}")
        yield paths


def _wanted(options: Files, chosen: Profile) -> _Wanted:
    """Raises UsageError where a batch size, or the engine on this device, is not to be had."""
    batches = []
    if options.batch is not None:
        batches = arguments.integers("--batch", options.batch, low=1, high=_MOST_BATCH)
    engine, known = options.engine, chosen.engines
    if engine is None:
        return _Wanted(options, _installed(chosen), batches)
    if engine not in known:
        has = f"It has {', '.join(known)}"
        raise UnknownName(f"engine of {chosen.name}", engine, known, has)
    return _Wanted(options, (engine,), batches)


def _installed(chosen: Profile) -> Sequence[str]:
    """The engines of a device; of this machine those that are installed, and says which are not."""
    from edgeconv.installed import is_installed
    from edgeconv.runtime.open import MODULES, PACKAGES

    known = chosen.engines
    absent = [engine for engine, module in MODULES.items() if not is_installed(module)]
    absent = [engine for engine in absent if chosen.transport == "local" and engine in known]
    for engine in absent:
        say(f"warning: left out: {PACKAGES[engine]} is not installed", err=True)
    return [engine for engine in known if engine not in absent]


def _of(target: str, wanted: _Wanted, directory: Path) -> dict[str, Path]:
    """One target's files, new ones in `directory`."""
    from edgeconv.cli.models import model_files
    from edgeconv.runtime.open import engine_of

    found: dict[str, Path] = {}
    if wanted.options.engine != "torch":
        found = {
            name: path
            for name, path in model_files(target, wanted.options.out).items()
            if engine_of(path) in wanted.engines
        }
    if wanted.batches:
        found = _at_batches(found, wanted, directory)
    net = _torch_net(target, wanted) if "torch" in wanted.engines else None
    if net is None:
        return found
    if not wanted.batches:
        return {**found, "torch": net.write(directory / "net")}
    for batch in wanted.batches:
        path = replace(net, batch=batch).write(directory / f"net-{batch}")
        found[f"torch, batch {batch}"] = path
    return found


def _shown(target: str, name: str, *, alone: bool) -> str:
    """What a target's file is called: a file by itself as the user named it."""
    if alone:
        return name
    return target if Path(target).name == name else f"{target}: {name}"


def _unused(name: str, taken: Container[str]) -> str:
    """The name, or with the first free number behind it."""
    numbered = (f"{name} ({number})" for number in itertools.count(2))
    return next(one for one in itertools.chain([name], numbered) if one not in taken)


def _at_batches(paths: dict[str, Path], wanted: _Wanted, directory: Path) -> dict[str, Path]:
    """Copies at each batch size; of several files, one that has no other size is left out.

    Raises:
        ArtifactRefused: no .onnx file has another batch size, and torch is not asked for either.
        UsageError: there is a .tflite file.
    """
    from edgeconv.devices.bench.rebatch import rebatched
    from edgeconv.runtime.open import engine_of

    copied = {name: path for name, path in paths.items() if engine_of(path) == "onnxruntime"}
    others = [path for name, path in paths.items() if name not in copied]
    found: dict[str, Path] = {}
    refused: list[ArtifactRefused] = []
    for name, path in copied.items():
        if found and others:
            break
        try:
            for batch in wanted.batches:
                copy = directory / f"{path.stem}-{batch}{path.suffix}"
                found[f"{name}, batch {batch}"] = rebatched(path, batch, copy)
        except ArtifactRefused as error:
            refused.append(error)
    if refused and not found and (len(paths) == 1 or "torch" not in wanted.engines):
        raise refused[0]
    if others:
        raise UsageError(
            f"{others[0]}: --batch makes copies of .onnx files, not of .tflite ones; "
            + ("leave those out with --engine onnxruntime" if copied else "bench it without")
        )
    for refusal in refused:
        say(f"warning: left out: {refusal}", err=True)
    return found


def _torch_net(target: str, wanted: _Wanted) -> TorchNet | None:
    """The net that torch is to build; None where the target is a file, or says none."""
    from edgeconv.devices.agent.torch_net import TorchNet
    from edgeconv.nets.registry import NETS

    if is_model_file(target):
        return None
    options = wanted.options
    is_net = (":" in target or target in NETS) and not Path(target).is_dir()
    if is_net and options.engine == "torch" and options.out is None:
        return TorchNet(target, channels_last=options.channels_last)
    return _of_bundle(bundle_directory(target, options.out), options)


def _of_bundle(directory: Path, options: Files) -> TorchNet | None:
    """The net a bundle was exported from, where it is one of the registry's."""
    from edgeconv.bundle.bundle import Bundle
    from edgeconv.devices.agent.torch_net import TorchNet
    from edgeconv.nets.registry import NETS

    opened = Bundle.load(directory)
    net = opened.manifest["net"]
    # A name from a file is looked up and never imported: it may come from anywhere.
    if net["name"] not in NETS or net.get("features"):
        problem = f"torch cannot build {net['name']} from its bundle alone"
        way = "give path/to/net.py:factory with --engine torch"
        if options.engine == "torch":
            raise UsageError(f"{directory}: {problem}; {way}")
        say(f"warning: {problem} and is left out; {way}", err=True)
        return None
    height, width = opened.preprocessing.input_size
    logits = next(iter(opened.manifest["graph"]["outputs"].values()))
    return TorchNet(
        net["name"],
        net["options"],
        logits[-1] if len(logits) == 2 else None,
        height,
        width,
        channels_last=options.channels_last,
    )
