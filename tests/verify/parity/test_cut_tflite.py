"""A cut file computes each operator as the whole one does, also those between conversions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeconv.runtime.litert import LiteRtSession
from edgeconv.runtime.session import SessionOptions
from edgeconv.verify.parity.cut_tflite import isolate
from tests.export.tflite import graphs, plans
from tests.export.tflite.graphs import of_node, weights
from tests.helpers.tflite_bytes import tflite_bytes

SHAPE = (1, 4, 6, 6)


@pytest.mark.parametrize(
    ("name", "constants", "kind"),
    [
        ("HardSwish", (), "HARD_SWISH"),
        ("PRelu", (np.abs(weights(4, 1, 1)),), "PRELU"),
        ("Sqrt", (), "SQRT"),
        ("Sigmoid", (), "LOGISTIC"),
    ],
)
def test_an_operator_is_cut_with_its_conversions(
    name: str, constants: tuple[np.ndarray, ...], kind: str, tmp_path: Path
) -> None:
    model = of_node(name, SHAPE, *constants)
    feeds = {key: np.abs(array) for key, array in graphs.feeds(model).items()}
    path = tmp_path / "whole.tflite"
    path.write_bytes(tflite_bytes(model, "int8", plans.minmax(model, feeds)))
    options = SessionOptions(kernels="reference", keep_tensors=True)
    whole = LiteRtSession(path, options)
    integers = np.random.default_rng(0).integers(-128, 128, (1, 6, 6, 4)).astype(np.int8)
    (wanted,) = whole.run([integers])
    isolated = isolate(path)
    assert [operator.kind for operator in isolated.operators] == [kind]
    cut_path = tmp_path / "cut.tflite"
    cut_path.write_bytes(isolated.data)
    (made,) = LiteRtSession(cut_path, options).run(isolated.feeds(whole))
    assert np.array_equal(made, wanted)
