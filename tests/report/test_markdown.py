from __future__ import annotations

import re

import pytest

from edgeconv.report.markdown import render
from edgeconv.report.tables import Column, Table

TABLE = Table(
    (Column("file"), Column("size", "size"), Column("SQNR dB", "number", 1)),
    [("model.int8.tflite", 4096, 42.94), ("model.onnx", None, float("nan"))],
    "bundle",
    ("first remark", "second"),
)


def test_a_table_is_one_that_github_reads() -> None:
    assert render("parity of net", [TABLE]) == (
        "### parity of net\n"
        "\n"
        "**bundle**\n"
        "\n"
        "| file | size | SQNR dB |\n"
        "| :-- | --: | --: |\n"
        "| model.int8.tflite | 4.0 KiB | 42.9 |\n"
        "| model.onnx | - | - |\n"
        "\n"
        "- first remark\n"
        "- second\n"
        "\n"
    )


@pytest.mark.parametrize(
    "hostile", ["a | b", "<img src=x>", "[x](y)", "`a`", "# a", "a\n| b |", "\\"]
)
def test_names_stay_in_their_cell_and_mean_nothing(hostile: str) -> None:
    table = Table((Column("a"), Column("b")), [(hostile, hostile)], notes=(hostile,))
    lines = render(hostile, [table]).splitlines()
    (row,) = [line for line in lines if line.startswith("| ") and line not in lines[2:4]]
    assert len(re.findall(r"(?<!\\)\|", row)) == 3
    for line in lines:
        assert not re.search(r"(?<!\\)[`<\[]", line)
