"""What rows of TFLite's table claim is what LiteRT does with the files of the writer's cases.

It holds for the versions in constraints.txt.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from ai_edge_litert import schema_py_generated as schema

from edgeconv.errors import ArtifactRefused
from edgeconv.export import tflite
from edgeconv.export.tflite import versions
from edgeconv.files.tflite.builtins.operator import Feature, Runner
from edgeconv.files.tflite.builtins.table import BUILTINS, builtin
from edgeconv.files.tflite.file import read
from edgeconv.verify.parity.cut_tflite import isolate
from tests.export.tflite import engines, graphs, plans
from tests.export.tflite.cases import CASES

Found = dict[str, set[Runner]]


@cache
def in_float() -> Found:
    """What runs each operator of float files: where XNNPACK takes a file, it takes all of it."""
    found: Found = defaultdict(set)
    for case in CASES.values():
        data = tflite.float_bytes(case.make())
        names = set(engines.operators(data))
        if engines.is_wholly_delegated(data):
            for name in names:
                found[name].add("xnnpack")
        elif len(names) == 1:
            found[names.pop()].add("kernel")
        else:
            for name in names:
                found.setdefault(name, set())
    return found


@pytest.fixture(scope="module")
def in_int8(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What runs each operator that an int8 file holds between integers, cut out of its file."""
    path = tmp_path_factory.mktemp("cut") / "case.tflite"
    found: Found = defaultdict(set)
    for case in CASES.values():
        if case.steps is None:
            continue
        model = case.make()
        data = tflite.int8_bytes(model, plans.minmax(model, graphs.feeds(model)))
        path.write_bytes(data)
        if "DEQUANTIZE" in engines.operators(data) and engines.is_wholly_delegated(data):
            found["DEQUANTIZE"].add("xnnpack")  # it writes no integers, and is not cut out
        try:
            cut = isolate(path)
        except ArtifactRefused:
            continue  # all of it is in float
        interpreter = engines.xnnpack(cut.data)
        interpreter.allocate_tensors()
        taken = {
            index
            for piece in interpreter._get_ops_details()
            if piece["op_name"] == "DELEGATE"
            for index in piece["outputs"]
        }
        written = [detail["index"] for detail in interpreter.get_output_details()]
        for operator, index in zip(cut.operators, written, strict=True):
            found[operator.kind].add("xnnpack" if index in taken else "kernel")
    return found


def test_every_row_is_a_builtin_operator() -> None:
    assert {name for name in BUILTINS if not hasattr(schema.BuiltinOperator, name)} == set()
    assert builtin("NO_SUCH").kind == "unknown"


def test_every_feature_of_a_version_can_be_told() -> None:
    assert set(versions._USES) == set(get_args(Feature))


def test_every_operator_that_is_written_has_a_row() -> None:
    assert set(in_float()) <= set(BUILTINS)


@pytest.mark.parametrize("name", BUILTINS)
def test_a_row_claims_what_runs_it_in_float(name: str) -> None:
    claimed = BUILTINS[name].runs.floats
    seen = in_float().get(name, set())
    assert seen <= {claimed}, seen


@pytest.mark.parametrize("name", BUILTINS)
def test_a_row_claims_what_runs_it_in_int8(name: str, in_int8: Found) -> None:
    claimed = BUILTINS[name].runs.int8
    assert in_int8.get(name, set()) == (set() if claimed is None else {claimed})


def test_a_layer_says_where_its_channels_are(tmp_path: Path) -> None:
    checked = set()
    for case in CASES.values():
        path = tmp_path / "case.tflite"
        path.write_bytes(tflite.float_bytes(case.make()))
        for operator in read(path).operators:
            layer = builtin(operator.code).layer
            if layer is None:
                continue
            weight, source = operator.inputs[layer.weight], operator.inputs[layer.source]
            assert weight is not None
            assert source is not None
            assert weight.is_constant
            assert not source.is_constant
            assert weight.shape[layer.axis] == operator.outputs[0].shape[-1]
            checked.add(operator.code)
    assert checked == {row.name for row in BUILTINS.values() if row.layer is not None}
