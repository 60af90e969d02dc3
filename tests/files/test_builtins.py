"""What rows of TFLite's table claim is what LiteRT does with the files of the writer's cases.

It holds for the versions in constraints.txt.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import get_args
from unittest import mock

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgeconv.export.tflite import versions
from edgeconv.export.tflite.program import Quantization
from edgeconv.files.tflite.builtins.operator import BuiltinOperator, Feature, Runner
from edgeconv.files.tflite.builtins.table import BUILTINS, builtin
from edgeconv.files.tflite.file import read
from tests.export.tflite import engines, graphs, plans
from tests.export.tflite.cases import CASES
from tests.export.tflite.cases.case import Case
from tests.files.single_operators import GRID, SINGLE, single
from tests.helpers.tflite_bytes import tflite_bytes

Found = dict[str, set[Runner]]


@cache
def in_float() -> Found:
    """What runs each operator of float files."""
    found: Found = defaultdict(set)
    for data in (*(tflite_bytes(case.make()) for case in CASES.values()), *singles(None)):
        for operator, runner in zip(engines.details(data), runners(data), strict=True):
            name, types = operator["op_name"], operator["operand_types"]
            if np.float32 in types or builtin(name).runs.floats != "xnnpack":  # not of places
                found[name].add(runner)
    return found


@cache
def in_int8() -> Found:
    """What runs each operator that reads integers, also where files have it in float instead."""
    found: Found = defaultdict(set)
    with mock.patch("edgeconv.export.tflite.convert.compute_in_float", lambda program: program):
        written = [int8_bytes(case) for case in CASES.values()]
    for data in (*written, *singles(GRID)):
        for operator, runner in zip(engines.details(data), runners(data), strict=True):
            if np.int8 in operator["operand_types"]:
                found[operator["op_name"]].add(runner)
    return found


def singles(grid: Quantization | None) -> Iterator[bytes]:
    """Files of what no lowering writes, or none alone, where LiteRT takes them."""
    for name, (code, *_) in SINGLE.items():
        data = single(name, grid)
        if builtin(code).limits:
            continue
        with suppress(ValueError, RuntimeError):
            engines.delegated(data)
            yield data


def int8_bytes(case: Case) -> bytes:
    model = case.make()
    return tflite_bytes(model, "int8", plans.minmax(model, graphs.feeds(model)))


def runners(data: bytes) -> list[Runner]:
    """What runs each operator of a file, in the file's order."""
    delegated = set().union(*engines.delegated(data))
    places = range(len(engines.details(data)))
    return ["xnnpack" if place in delegated else "kernel" for place in places]


def test_every_row_is_a_builtin_operator() -> None:
    assert {name for name in BUILTINS if not hasattr(schema.BuiltinOperator, name)} == set()
    assert builtin("NO_SUCH").kind == "unknown"


def test_every_feature_of_a_version_can_be_told() -> None:
    assert set(versions._USES) == set(get_args(Feature))


def test_every_operator_that_is_written_has_a_row() -> None:
    assert set(in_float()) <= set(BUILTINS)


@pytest.mark.parametrize("row", BUILTINS.values(), ids=list(BUILTINS))
def test_a_row_claims_what_runs_it(row: BuiltinOperator) -> None:
    """What has limits is asked in `test_partitions`, both within them and past them."""
    for shown, claimed in ((in_float(), row.runs.floats), (in_int8(), row.runs.int8)):
        assert row.limits or shown.get(row.name, {claimed}) == {claimed}


def test_what_is_faster_in_float_leaves_xnnpack_on_integers_alone() -> None:
    chosen = [row for row in BUILTINS.values() if row.faster_in_float]
    assert {(row.runs.floats, row.runs.int8) for row in chosen} == {("xnnpack", "kernel")}


def test_no_int8_file_has_it_on_integers() -> None:
    chosen = {name for name, row in BUILTINS.items() if row.faster_in_float}
    shown = set()
    for data in map(int8_bytes, CASES.values()):
        for operator in engines.details(data):
            if operator["op_name"] in chosen:
                assert np.int8 not in operator["operand_types"]
                shown.add(operator["op_name"])
    assert shown == chosen


def test_a_layer_says_where_its_channels_are(tmp_path: Path) -> None:
    checked = set()
    for case in CASES.values():
        path = tmp_path / "case.tflite"
        path.write_bytes(tflite_bytes(case.make()))
        for operator in read(path).operators:
            layer = builtin(operator.code).layer
            if layer is None:
                continue
            weight, source = operator.inputs[layer.weight], operator.inputs[layer.source]
            assert weight is not None
            assert source is not None
            assert weight.is_constant
            if source.is_constant:
                continue  # the first step of a recurrent layer, from a state that is one
            assert weight.shape[layer.axis] == operator.outputs[0].shape[-1]
            checked.add(operator.code)
    assert checked == {row.name for row in BUILTINS.values() if row.layer is not None}
