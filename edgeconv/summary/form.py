"""A report as a JSON document, and read back from one that may come from anywhere."""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from dataclasses import asdict, fields, is_dataclass
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

from edgeconv.errors import RefusedError
from edgeconv.runtime.plain import plain, shortened
from edgeconv.summary.row import Collection, Row

#: The member that holds the form's number, and the number.
KEY: Final = "report"
NUMBER: Final = 1

_T = TypeVar("_T")


def document(found: Collection) -> dict[str, Any]:
    """The whole of it, as `edgeconv.report.jsondoc` writes it."""
    return {KEY: NUMBER, **asdict(found)}


def collection(told: dict[str, Any]) -> Collection:
    """A report that was written before.

    Raises:
        RefusedError: it is of another form, or holds values of other kinds.
    """
    if told.get(KEY) != NUMBER:
        raise RefusedError(f"it is a report of another form; known is {NUMBER}")
    try:
        found = _made(Collection, told)
        for row in found.rows:
            _check(row)
    except (TypeError, ValueError, KeyError) as error:
        raise RefusedError(f"it is a damaged report: {plain(error, 100)}") from error
    return found


def _check(row: Row) -> None:
    """Raises ValueError for numbers that no document gives, which a comparison would trust."""
    counts = [row.file.size_bytes]
    if row.accuracy is not None:
        counts += [row.accuracy.photos, row.accuracy.lost, row.accuracy.gained]
    if row.latency is not None:
        counts.append(row.latency.instructions)
        if any(median <= 0 for median in row.latency.medians_ms):
            raise ValueError("a latency is not above zero")
    if any(count is not None and count < 0 for count in counts):
        raise ValueError("a count is negative")


def _made(kind: type[_T], told: Any) -> _T:
    """A frozen dataclass of its members' kinds; raises TypeError, KeyError."""
    if not isinstance(told, dict):
        raise TypeError(f"{kind.__name__} is no object")
    hints = get_type_hints(kind)
    return kind(**{one.name: _value(hints[one.name], told[one.name]) for one in _fields(kind)})


def _fields(kind: Any) -> tuple[Any, ...]:
    return fields(kind)


def _value(kind: Any, told: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        (inner,) = (one for one in get_args(kind) if one is not type(None))
        return None if told is None else _value(inner, told)
    if get_origin(kind) is tuple:
        if not isinstance(told, list):
            raise TypeError("a list is none")
        inner, *rest = get_args(kind)
        if rest != [Ellipsis] and len(told) != len(rest) + 1:
            raise TypeError("a list has another length")
        return tuple(_value(inner, one) for one in told)
    if isinstance(kind, type) and is_dataclass(kind):
        return _made(kind, told)
    return _PLAIN[kind](told)


def _real(told: Any) -> float:
    if isinstance(told, bool) or not isinstance(told, int | float) or not math.isfinite(told):
        raise TypeError("a number is none")
    return float(told)


def _exactly(kind: type[_T]) -> Callable[[Any], _T]:
    def checked(told: Any) -> _T:
        if type(told) is not kind:
            raise TypeError(f"{kind.__name__} is expected")
        return told

    return checked


_PLAIN: dict[Any, Callable[[Any], Any]] = {
    float: _real,
    int: _exactly(int),
    bool: _exactly(bool),
    str: lambda told: plain(shortened(_exactly(str)(told))),
}
