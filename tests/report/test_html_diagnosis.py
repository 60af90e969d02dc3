"""A diagnosis as a page: both int8 files, every tensor, and nothing of a name runs."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path

from edgeconv.report import html_diagnosis
from edgeconv.verify.diagnose.diagnosis import (
    Diagnosis,
    Distribution,
    OwnError,
    TensorDiagnosis,
)
from tests.helpers.browser import needs_chromium, seen

HOSTILE = "<img src=x onerror=alert(1)>\x00\u202e" + "layer." * 80


def found(grid_db: float = 40.0) -> Diagnosis:
    """Three tensors; the last one's grid in the TFLite file is as good as given."""
    own = OwnError(30.0, 40.0, 45.0, 0.0, 0.0, -4.0, 3.0)
    seen_values = Distribution(-3.0, 5.0, 2.5, tuple(range(-3, 6)), (1.0,) * 8, 0.1, (1.0, 5.0))
    tensors = [
        TensorDiagnosis(
            name,
            "Conv",
            {"weights": 50.0, "int8.onnx": 30.0 - i, "int8.tflite": 29.0 - i},
            {"int8.onnx": own, "int8.tflite": own},
            seen_values,
        )
        for i, name in enumerate(("body.0", HOSTILE, "body.2"))
    ]
    last = replace(own, grid_sqnr_db=grid_db, sqnr_db=min(29.0, grid_db))
    tensors[2] = replace(tensors[2], own={"int8.onnx": own, "int8.tflite": last})
    return Diagnosis(1, "onnx", tuple(tensors), ())


def legends(document: str) -> list[str]:
    return re.findall(r"<li><span[^>]*>.</span> ([^<]*)</li>", html.unescape(document))


def test_both_int8_files_are_told_of_and_what_they_share_once() -> None:
    assert legends(html_diagnosis.render("bundle", found())) == [
        *("int8.onnx", "int8.tflite", "int8 weights, float activations"),
        *("own, int8.onnx", "own, int8.tflite", "its output's grid", "the best 8-bit grid"),
    ]


def test_grids_that_differ_are_told_of_each() -> None:
    told = legends(html_diagnosis.render("bundle", found(grid_db=12.0)))
    assert {"output's grid, int8.onnx", "output's grid, int8.tflite"} <= set(told)


def test_nothing_of_a_name_is_markup() -> None:
    document = html_diagnosis.render("bundle", found())
    assert "<img" not in document
    assert "\x00" not in document


@needs_chromium
def test_the_page_is_legible_on_a_phone(tmp_path: Path) -> None:
    told = seen(html_diagnosis.render("bundle", found()), 400, tmp_path)
    assert told["found"] == []
    assert told["scripts"] == 1
