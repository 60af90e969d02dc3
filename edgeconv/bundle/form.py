"""What a manifest must hold for its readers, checked before anything of it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePath
from types import MappingProxyType, NoneType
from typing import Any

#: Of a bundle, or of a net.
_MOST_ENTRIES = 1000
_MOST_AXES = 16
_MOST_SIDE = 2**31
_MOST_DEPTH = 10**6
_LONGEST_FILE_NAME_BYTES = 255
_SHA256_DIGITS = 64

#: Of a bundle, beside the files in its own directory.
FOLDERS = ("golden",)
#: Where readers rely on a value's type.
_TYPES: Mapping[tuple[str, ...], type] = MappingProxyType(
    {
        ("artifacts",): dict,
        ("files",): dict,
        ("graph", "inputs"): dict,
        ("graph", "outputs"): dict,
        ("graph", "parts"): dict,
        ("graph", "probabilities"): bool,
        ("net", "depth"): int,
        ("net", "name"): str,
        ("net", "options"): dict,
        ("parity", "failed"): list,
        ("parity", "stages"): list,
        ("parity", "status"): str,
        ("parity", "thresholds"): dict,
        ("weights", "trained"): bool,
    }
)


def problem(document: Mapping[str, Any]) -> str | None:
    """The first thing that a manifest lacks or has wrong, in words; None where all is right."""
    return next(_problems(document), None)


def is_own_name(name: str) -> bool:
    """Whether it names a file of a bundle: in its directory, or in a folder that bundles have."""
    folder, slash, file = name.partition("/")
    return is_plain_name(file if slash and folder in FOLDERS else name)


def is_plain_name(name: str) -> bool:
    """Whether it names a file in a directory, and nothing else anywhere."""
    return (
        PurePath(name).name == name
        and name not in ("", ".", "..")
        and name.isprintable()
        and "\\" not in name
        and len(name.encode(errors="replace")) <= _LONGEST_FILE_NAME_BYTES
    )


def _problems(document: Mapping[str, Any]) -> Iterator[str]:
    for keys, kind in _TYPES.items():
        if type(_at(document, keys)) is not kind:
            yield f"its {'.'.join(keys)} is no {kind.__name__}"
    if not 0 <= document["net"]["depth"] <= _MOST_DEPTH:
        yield f"its net.depth is not 0 to {_MOST_DEPTH}"
    yield from _wrong_entries(document, ("files",), _is_file_facts, "bytes and sha256")
    yield from _wrong_entries(document, ("artifacts",), _is_object, "an object")
    if type(document.get("preprocessing", ...)) not in (dict, NoneType):
        yield "its preprocessing is no dict"
    for ends in ("inputs", "outputs"):
        yield from _wrong_entries(document, ("graph", ends), _is_shape, "a shape")
    if not all(document["graph"]["inputs"].values()):
        yield "its graph.inputs has one without a batch axis"
    yield from _wrong_entries(document, ("graph", "parts"), _is_object, "an object")
    if not isinstance(document.get("quantization", {}), dict):
        yield "its quantization is no dict"


def _wrong_entries(
    document: Mapping[str, Any],
    keys: tuple[str, ...],
    is_right: Callable[[Any], bool],
    wanted: str,
) -> Iterator[str]:
    """What is wrong with an object of like values."""
    entries = _at(document, keys) or {}
    if len(entries) > _MOST_ENTRIES:
        yield f"its {'.'.join(keys)} has {len(entries)} entries, over {_MOST_ENTRIES}"
    for name, value in entries.items():
        if not is_right(value):
            yield f"its {'.'.join(keys)}.{name[:60]!a} is not {wanted}"


def _at(document: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    """The value under these keys; None where there is none."""
    value: Any = document
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_file_facts(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and type(value.get("bytes")) is int
        and isinstance(value.get("sha256"), str)
        and len(value["sha256"]) <= _SHA256_DIGITS
    )


def _is_shape(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= _MOST_AXES
        and all(type(side) is int and 0 < side <= _MOST_SIDE for side in value)
    )


def is_grid(value: Any) -> bool:
    """Whether it has a tensor's scale and zero point."""
    return (
        isinstance(value, dict)
        and type(value.get("scale")) in (int, float)
        and type(value.get("zero_point")) is int
    )
