from __future__ import annotations

import enum
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from edgeconv.data.preprocessing import Preprocessing
from edgeconv.report.jsondoc import dumps, show


class Colour(enum.StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Point:
    x: float
    where: Path


def test_every_value_becomes_jsons_own() -> None:
    document = {
        "numpy": [np.float32(0.5), np.int64(3), np.bool_(True), np.arange(3), np.float64(1.5)],
        "not_numbers": [float("nan"), float("inf"), np.float32("-inf"), np.array([np.nan, 1])],
        "path": Path("a/b"),
        "point": Point(1.0, Path("c")),
        "own": Preprocessing(),
        "colour": Colour.RED,
        "set": {3, 1, 2},
        7: None,
    }
    assert json.loads(dumps(document)) == {
        "numpy": [0.5, 3, True, [0, 1, 2], 1.5],
        "not_numbers": [None, None, None, [None, 1]],
        "path": "a/b",
        "point": {"x": 1.0, "where": "c"},
        "own": Preprocessing().to_json(),
        "colour": "red",
        "set": [1, 2, 3],
        "7": None,
    }


def test_the_order_in_which_keys_were_set_does_not_show() -> None:
    assert dumps({"a": 1, "b": {"d": 1, "c": 2}}) == dumps({"b": {"c": 2, "d": 1}, "a": 1})


def test_any_text_goes_to_any_terminal() -> None:
    text = dumps({"name": "Häuser \udcff 写真"})
    assert text.isascii()
    assert json.loads(text)["name"] == "Häuser \udcff 写真"


def test_one_document_and_nothing_else_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    show({"a": 1})
    stream = io.StringIO()
    show({"a": 1}, stream)
    assert capsys.readouterr().out == stream.getvalue() == '{\n  "a": 1\n}\n'


def test_what_has_no_json_form_is_named() -> None:
    with pytest.raises(TypeError, match=r"document\.a\[1\] is of type object"):
        dumps({"a": [1, object()]})
    with pytest.raises(TypeError, match=r"document has the key \(1, 2\)"):
        dumps({(1, 2): 1})
