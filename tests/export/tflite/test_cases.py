"""The cases leave no lowering out."""

from __future__ import annotations

from collections import Counter

from edgeconv.export.tflite.lowerings.table import LOWERINGS
from tests.export.tflite import cases


def test_every_lowering_has_a_case() -> None:
    shown = {node.op_type for case in cases.CASES.values() for node in case.make().graph}
    assert shown >= LOWERINGS.keys()


def test_no_two_families_have_a_case_of_one_name() -> None:
    names = Counter(name for family in cases.FAMILIES for name in family)
    assert [name for name, count in names.items() if count > 1] == []
