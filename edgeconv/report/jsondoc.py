"""One JSON document, the same bytes for the same content.

Keys are sorted, NumPy's numbers and arrays become JSON's, paths become strings, dataclasses become
objects (through their own `to_json` where they have one), and what JSON has no number for (NaN,
infinity) becomes null, so that every parser can read it.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import PurePath
from typing import IO, Any

import numpy as np


def dumps(document: Any) -> str:
    """The document as ASCII JSON text, indented, with a newline at its end.

    Raises:
        TypeError: something in it has no JSON form; names where.
    """
    plain = plain_json(document)
    text = json.dumps(plain, indent=2, sort_keys=True, allow_nan=False) + "\n"
    return text.replace("\x7f", "\\u007f")  # DEL, the one control character that json lets pass


def show(document: Any, file: IO[str] | None = None) -> None:
    """Writes the document to stdout, or to `file`, in one piece; errors as `dumps`."""
    (file or sys.stdout).write(dumps(document))


def plain_json(value: Any, where: str = "document") -> Any:
    """The same content in JSON's own types; errors as `dumps`."""
    if isinstance(value, Enum):  # before str and int, which an enumeration may also be
        return plain_json(value.value, where)
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_key(key, where): plain_json(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item, f"{where}[{index}]") for index, item in enumerate(value)]
    return _foreign(value, where)


def _foreign(value: Any, where: str) -> Any:
    if isinstance(value, np.bool_ | np.integer):
        return value.item()
    if isinstance(value, np.ndarray):
        return plain_json(value.tolist(), where)
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, set | frozenset):
        return plain_json(sorted(value), where)
    if hasattr(value, "to_json") and not isinstance(value, type):
        return plain_json(value.to_json(), where)
    if is_dataclass(value) and not isinstance(value, type):
        members = {item.name: getattr(value, item.name) for item in fields(value)}
        return plain_json(members, where)
    raise TypeError(f"{where} is of type {type(value).__name__}, which has no JSON form")


def _key(key: Any, where: str) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, int | np.integer) and not isinstance(key, bool):
        return str(int(key))
    raise TypeError(f"{where} has the key {key!r}; keys are strings or whole numbers")
