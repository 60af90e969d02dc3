"""Read a file of weights that may hold anything: `.safetensors`, or `.pth`/`.pt` without code."""

from __future__ import annotations

import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch
from torch import Tensor

from edgeconv.disk import sha256_of
from edgeconv.errors import WeightsRefused
from edgeconv.nets.pickles import check_unfolds
from edgeconv.nets.weights_path import check_weights_file

#: What torch's readers raise on bytes that are not what they expect. A pickle is a program for a
#: stack machine, so a broken one can end in any of the interpreter's plain errors.
BROKEN = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    struct.error,
    RuntimeError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    MemoryError,
)
#: How torch's reader names what it does not load; all else that it says is advice to load it.
_GLOBAL = re.compile(r"GLOBAL ([\w.]{1,100})")
_LONGEST_SEARCHED = 4000
#: Magic number, form, machine, the values' names and places, keys of what follows.
_PICKLES = 5
_WRAPPERS = ("state_dict", "model_state_dict", "model")


@dataclass(frozen=True)
class StateFile:
    """Tensors by name, as a file holds them.

    Attributes:
        path: the file.
        tensors: name -> tensor, perhaps still memory-mapped.
        metadata: text by name; empty for `.pth`.
        sha256: of the whole file.
    """

    path: Path
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]
    sha256: str


def read_state_file(path: Path) -> StateFile:
    """Read a state dict without running anything the file contains.

    Raises:
        UsageError: there is no such file, or its suffix is none of a weights file.
        WeightsRefused: empty, too large, truncated, holding code or no state dict.
    """
    check_weights_file(path)
    if path.suffix == ".safetensors":
        tensors, metadata = _read_safetensors(path)
    else:
        tensors, metadata = _read_pickle(path), {}
    return StateFile(path, tensors, metadata, sha256_of(path))


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        # The library checks that header, shapes and offsets fit the file before it maps anything.
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except (safetensors.SafetensorError, *BROKEN) as error:
        raise WeightsRefused(
            f"{path} is truncated or no safetensors file ({_first_line(error)})"
        ) from error


def _read_pickle(path: Path) -> dict[str, Tensor]:
    try:
        zipped = zipfile.is_zipfile(path)
        if zipped:
            _check_archive(path)
        else:
            _check_sequence(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of how an old file was pickled
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except pickle.UnpicklingError as error:  # whose words tell how to run the code all the same
        raise WeightsRefused(
            f"{path} is broken or holds pickled Python code, which edgeconv does not run"
            f"{_asked_for(error)}; save the values alone: "
            "torch.save(net.state_dict(), 'weights.pth')"
        ) from error
    except BROKEN as error:
        raise WeightsRefused(
            f"{path} is truncated or no PyTorch weights file ({_first_line(error)})"
        ) from error
    return _state_dict(path, content)


def _check_archive(path: Path) -> None:
    """Refuse an archive that would unpack to more than the file holds."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        for member in members:
            if member.filename.endswith("data.pkl"):
                with archive.open(member) as pickled:
                    check_unfolds(pickled)
    if any(member.filename.endswith("/constants.pkl") for member in members):
        raise WeightsRefused(
            f"{path} is a TorchScript program, which edgeconv does not run; save its values alone: "
            f"torch.save(torch.jit.load({path.name!r}).state_dict(), 'weights.pth')"
        )
    packed = any(member.compress_type != zipfile.ZIP_STORED for member in members)
    if packed or sum(member.file_size for member in members) > path.stat().st_size:
        raise WeightsRefused(
            f"{path} claims tensors larger than the file; torch.save never writes that"
        )


def _check_sequence(path: Path) -> None:
    """Refuse, of a file of the form before archives, pickles that unfold to more than is read."""
    with path.open("rb") as file:
        for _ in range(_PICKLES):
            if file.peek(1):
                check_unfolds(file)


def _state_dict(path: Path, content: Any) -> dict[str, Tensor]:
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    if not isinstance(content, Mapping) or not content:
        raise WeightsRefused(
            f"{path} holds a {type(content).__name__}, no state dict (names with tensors)"
        )
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise WeightsRefused(
                f"{path} is no state dict: {name!r} is a {type(value).__name__}, not a tensor"
            )
    # What torch.compile puts into the names of what it wraps.
    state = {name.replace("_orig_mod.", ""): value for name, value in content.items()}
    # What DataParallel and DistributedDataParallel put before every name.
    if all(name.startswith("module.") for name in state):
        return {name.removeprefix("module."): value for name, value in state.items()}
    return state


def _asked_for(error: pickle.UnpicklingError) -> str:
    """Which function or class a pickle asks for, as far as torch names it."""
    found = _GLOBAL.search(str(error)[:_LONGEST_SEARCHED])
    return "" if found is None else f" (it asks for {found[1]})"


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]
