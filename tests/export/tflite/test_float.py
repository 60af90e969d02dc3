"""Every lowering gives what onnxruntime gives, on every interpreter."""

from __future__ import annotations

import numpy as np
import pytest

from tests.export.tflite import engines, graphs
from tests.export.tflite.cases import CASES
from tests.export.tflite.cases.case import Case
from tests.helpers.tflite_bytes import tflite_bytes


@pytest.mark.parametrize(
    ("case", "engine"),
    [
        pytest.param(case, engine, id=f"{name}-{engine}")
        for name, case in CASES.items()
        for engine in engines.ENGINES
        if engine in case.engines
    ],
)
def test_float_file_gives_what_onnxruntime_gives(case: Case, engine: str) -> None:
    model = case.make()
    inputs = graphs.feeds(model)
    wanted = graphs.reference(model, inputs)
    given = engines.run(engines.ENGINES[engine], tflite_bytes(model), inputs)
    assert given.keys() == wanted.keys()
    for name, array in wanted.items():
        assert given[name].shape == array.shape
        if array.dtype != np.float32:
            np.testing.assert_array_equal(given[name], array)
            continue
        assert np.abs(given[name] - array).max() <= 1e-5 * max(np.abs(array).max(), 1e-3)
