"""What rows of other tools' operators claim of onnxruntime is what it does with a file of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeconv.files.onnx.foreign import FOREIGN
from tests.export.tflite import graphs
from tests.export.tflite.cases.case import IMAGE
from tests.export.tflite.graphs import of_node
from tests.helpers.int8_engines import OneOperator, on_onnxruntime

IN_FLOAT = [row.name for row in FOREIGN.values() if row.in_float]
#: The first opset that has an operator, where that is none of the hub's.
OPSETS = {"Mish": 18, "Swish": 24}


@pytest.mark.parametrize("name", IN_FLOAT)
def test_what_a_row_says_is_in_float_is(name: str, tmp_path: Path) -> None:
    model = of_node(name, IMAGE, opset=OPSETS.get(name, 17))
    case = OneOperator(model, graphs.feeds(model))
    assert on_onnxruntime(case, tmp_path / "optimized.onnx") == "float"
