"""How a head is read, said in a small TOML; docs/tasks.md shows it to users."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, cast, get_args

from edgeconv.errors import UnknownName, UsageError
from edgeconv.verify.tasks.heads import Activation, BoxUnit, Field, Form, Head, Layout
from edgeconv.verify.tasks.keypoints import PointForm, PointHead, PointUnit

_TABLES: dict[str, tuple[str, ...]] = {
    "boxes": ("output", "columns", "form", "unit"),
    "scores": ("output", "columns", "activation", "background"),
    "objectness": ("output", "columns", "activation"),
    "classes": ("output", "columns"),
    "select": ("nms_iou", "least_score", "most"),
}
_MOST_BOXES = 10_000
_MOST_COLUMNS = 100_000
_ORDERS = ("ids", "sorted")


def read_head(document: Mapping[str, Any]) -> Head:
    """The head that a TOML's table stands for.

    Raises:
        UsageError: a key is unknown or missing, or a value is none that is possible.
    """
    _require_known("key of the file", document, ("categories", "layout", *_TABLES))
    tables = {name: _table(name, document) for name in _TABLES}
    boxes, scores, select = (tables[name] or {} for name in ("boxes", "scores", "select"))
    objectness, classes = tables["objectness"], tables["classes"]
    return Head(
        boxes=_field("boxes", boxes),
        scores=_field("scores", scores),
        objectness=None if objectness is None else _field("objectness", objectness),
        classes=None if classes is None else _field("classes", classes),
        categories=_categories(document.get("categories", "ids")),
        layout=cast("Layout", _word("layout", document, get_args(Layout))),
        form=cast("Form", _word("form", boxes, get_args(Form))),
        unit=cast("BoxUnit", _word("unit", boxes, get_args(BoxUnit))),
        background=_background(scores),
        nms_iou=_nms_iou(select),
        least_score=_number("least_score", select.get("least_score", 0.001), -1e6, 1e6),
        most=int(_number("most", select.get("most", 100), 1, _MOST_BOXES)),
    )


def _require_known(kind: str, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            raise UnknownName(f"{kind} of --decode", key, known, f"Known: {', '.join(known)}")


def _table(name: str, document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if name not in document:
        return None
    table = document[name]
    if not isinstance(table, Mapping):
        raise UsageError(f"--decode: {name} is no table; write [{name}] and its keys below")
    _require_known(f"key of [{name}] in the file", table, _TABLES[name])
    return table


def _field(name: str, table: Mapping[str, Any]) -> Field:
    output, columns = table.get("output"), table.get("columns")
    if not isinstance(output, str):
        raise UsageError(f'--decode: [{name}] needs output = "NAME", the output that holds them')
    activation = cast("Activation", _word("activation", table, get_args(Activation)))
    if columns is None:
        return Field(output, None, activation)
    whole = isinstance(columns, list) and len(columns) == 2 and all(map(_is_whole, columns))
    if not whole or not 0 <= columns[0] < columns[1] <= _MOST_COLUMNS:
        raise UsageError(
            f"--decode: columns of [{name}] are the first and the one behind the last, such as "
            "[0, 4]"
        )
    return Field(output, (columns[0], columns[1]), activation)


def _word(key: str, table: Mapping[str, Any], allowed: tuple[str, ...]) -> str:
    """The first of what is allowed where the key is not there."""
    word = table.get(key, allowed[0])
    if word not in allowed:
        raise UsageError(f"--decode: {key} is {ascii(word)[:60]}; it may be {', '.join(allowed)}")
    return str(word)


def _categories(given: Any) -> Literal["ids", "sorted"] | tuple[str, ...]:
    if isinstance(given, list) and given and all(isinstance(name, str) for name in given):
        return tuple(given)
    if isinstance(given, str) and given in _ORDERS:
        return cast('Literal["ids", "sorted"]', given)
    raise UsageError('--decode: categories is "ids", "sorted", or a list of the categories\' names')


def _background(scores: Mapping[str, Any]) -> int | None:
    number = scores.get("background")
    if number is None:
        return None
    return int(_number("background", number, 0, _MOST_COLUMNS))


def _nms_iou(select: Mapping[str, Any]) -> float | None:
    if "nms_iou" not in select:
        raise UsageError(
            '--decode: [select] needs nms_iou, such as 0.5; "none" where the net has dropped '
            "overlapping boxes itself"
        )
    given = select["nms_iou"]
    return None if given == "none" else _number("nms_iou", given, 0, 1)


def _number(key: str, value: Any, low: float, high: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not low <= value <= high:
        raise UsageError(f"--decode: {key} is a number from {low:g} to {high:g}")
    return float(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def read_point_head(document: Mapping[str, Any]) -> PointHead:
    """The same for keypoints, of one table.

    Raises:
        UsageError: as `read_head`.
    """
    _require_known("key of the file", document, ("keypoints",))
    table = document.get("keypoints")
    if not isinstance(table, Mapping):
        raise UsageError("--decode: there is no table [keypoints]")
    _require_known("key of [keypoints] in the file", table, ("output", "form", "unit", "sigmas"))
    if "form" not in table:
        raise UsageError(f"--decode: [keypoints] needs form: {', '.join(get_args(PointForm))}")
    return PointHead(
        _field("keypoints", table).output,
        cast("PointForm", _word("form", table, get_args(PointForm))),
        cast("PointUnit", _word("unit", table, get_args(PointUnit))),
        _sigmas(table.get("sigmas")),
    )


def _sigmas(given: Any) -> tuple[float, ...] | None:
    if given is None:
        return None
    if not isinstance(given, list) or not given:
        raise UsageError("--decode: sigmas is a list of numbers, one for each point")
    return tuple(_number("each of sigmas", one, 1e-6, 10) for one in given)
