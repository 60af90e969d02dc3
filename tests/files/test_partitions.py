"""What is said of a file's pieces is what LiteRT makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeconv.files.operations import Partitions
from edgeconv.files.tflite.file import read
from edgeconv.files.tflite.partitions import partitions, runner
from edgeconv.quantize.plan.int16 import int16_plan
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.recipe.recipes import quantize
from tests.export.tflite import engines, graphs, plans
from tests.export.tflite.cases import CASES
from tests.files.single_operators import GRID, SHIFTED, SINGLE, single
from tests.helpers.tflite_bytes import tflite_bytes
from tests.quantize.nets import Mobile, hub, photos


def said_and_done(data: bytes, path: Path) -> tuple[tuple[int, set[int]], tuple[int, set[int]]]:
    """Pieces and places of what XNNPACK runs: as it is said, and as LiteRT does it."""
    path.write_bytes(data)
    file, pieces = read(path), engines.delegated(data)
    told = {i for i, operator in enumerate(file.operators) if runner(operator) == "xnnpack"}
    return (partitions(file).delegated, told), (len(pieces), set().union(*pieces))


@pytest.mark.parametrize("kind", ["float", "int8"])
def test_files_of_the_writers_cases(kind: str, tmp_path: Path) -> None:
    for name, case in CASES.items():
        model = case.make()
        plan = (plans.minmax(model, graphs.feeds(model)),) if kind == "int8" else ()
        data = tflite_bytes(model, *((kind, *plan) if plan else ()))
        told, done = said_and_done(data, tmp_path / "case.tflite")
        assert told == done, name


@pytest.mark.parametrize("name", SINGLE)
def test_files_of_single_operators(name: str, tmp_path: Path) -> None:
    shown = 0
    for grid in (None, GRID, SHIFTED):
        data = single(name, grid)
        try:
            told, done = said_and_done(data, tmp_path / "single.tflite")
        except (ValueError, RuntimeError):
            continue  # LiteRT has nothing for these types
        assert told == done
        shown += 1
    assert shown


@pytest.mark.parametrize("precision", ["float16", "weight-only-int8", "dynamic-int8", "int16x8"])
def test_files_of_other_precisions(precision: str, tmp_path: Path) -> None:
    inputs = photos(2)
    made = quantize(hub(Mobile()), lambda: iter(inputs))
    plan: Plan = made.plan
    if precision == "int16x8":
        plan = int16_plan(made.model, made.observations, plan)
    told, done = said_and_done(tflite_bytes(made.model, precision, plan), tmp_path / "net.tflite")
    assert told == done


def test_it_reads_as_a_line() -> None:
    assert str(Partitions(1, {})) == "1"
    assert str(Partitions(3, {"ELU": 2})) == "3, beside 2 ELU on LiteRT's own kernels"
