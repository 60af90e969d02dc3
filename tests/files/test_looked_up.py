"""Three operators that XNNPACK runs as one count as one operator on integers."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeconv.files.memory import activation_memory, float_islands
from edgeconv.files.operations import ModelOperations
from edgeconv.files.read import read_operations
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.verify.audit.any_file import audit
from tests.export.tflite import graphs, plans
from tests.export.tflite.cases.case import chain
from tests.export.tflite.graphs import of_node, weights
from tests.helpers.tflite_bytes import tflite_bytes

SHAPE = (1, 4, 8, 8)
GRID = plans.per_tensor(0.05, 0)


def written(name: str, path: Path, *constants: object) -> Path:
    model = of_node(name, SHAPE, *constants)  # type: ignore[arg-type]
    grids = dict.fromkeys("xy", GRID)
    plan = Plan(grids, plans._constants(model, grids))
    path.write_bytes(tflite_bytes(model, "int8", plan))
    return path


def read(name: str, path: Path, *constants: object) -> ModelOperations:
    return read_operations(written(name, path, *constants))


@pytest.mark.parametrize(("name", "code"), [("HardSwish", "HARD_SWISH"), ("Exp", "EXP")])
def test_a_function_of_one_tensor_is_an_int8_operator(name: str, code: str, tmp_path: Path) -> None:
    found = read(name, tmp_path / "net.tflite")
    assert [(o.type, o.is_int8) for o in found.operations] == [(code, True)]
    assert activation_memory(found).peak_bytes == 2 * 4 * 8 * 8
    assert float_islands(found) == []


def test_what_reads_two_tensors_is_in_float(tmp_path: Path) -> None:
    found = read("PRelu", tmp_path / "net.tflite", abs(weights(4, 1, 1)))
    assert "DEQUANTIZE" in [o.type for o in found.operations]
    assert not any(o.is_int8 for o in found.operations if o.type == "PRELU")


def test_audit_only_notes_what_is_in_float_for_speed(tmp_path: Path) -> None:
    layers = ("Conv", {}, (weights(4, 4, 1, 1),)), ("PRelu", {}, (abs(weights(4, 1, 1)),))
    model = chain(*layers, shape=SHAPE).make()
    path = tmp_path / "net.tflite"
    path.write_bytes(tflite_bytes(model, "int8", plans.minmax(model, graphs.feeds(model))))
    found = audit(path)
    assert len(found.islands) == 1
    assert [f.severity for f in found.findings if f.rule == "float for speed"] == ["note"]


def test_audit_finds_no_island_in_it(tmp_path: Path) -> None:
    found = audit(written("HardSwish", tmp_path / "net.tflite"))
    assert found.islands == ()
    assert [finding.rule for finding in found.findings] == ["float file"]  # it has no layer
