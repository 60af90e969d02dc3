from __future__ import annotations

import io

import pytest
from rich.text import Text

from edgeconv.report.tables import Column, Table, show

TABLE = Table(
    columns=[
        Column("file"),
        Column("top-1", "percent"),
        Column("images", "integer"),
        Column("SQNR dB", "number", digits=1),
        Column("size", "size"),
    ],
    rows=[
        ["model.onnx", 0.82, 500, None, 14_000_000],
        ["model.int8.tflite", 0.8, 12_500, 21.25, 999],
    ],
    title="Accuracy",
    notes=["Paired on the same images."],
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def shown(table: Table, stream: io.StringIO | None = None, width: int | None = None) -> str:
    stream = stream or io.StringIO()
    show(table, stream, width=width)
    return stream.getvalue()


def test_a_pipe_gets_aligned_plain_text() -> None:
    assert shown(TABLE).splitlines() == [
        "Accuracy",
        "file                top-1  images  SQNR dB      size",
        "-----------------  ------  ------  -------  --------",
        "model.onnx         82.0 %     500        -  13.4 MiB",
        "model.int8.tflite  80.0 %  12,500     21.2     999 B",
        "Paired on the same images.",
    ]


def test_a_pipe_keeps_one_line_a_row_however_long() -> None:
    table = Table([Column("a"), Column("b")], [["x" * 300, "y" * 300]])
    assert len(shown(table, width=80).splitlines()) == 3


def test_a_terminal_gets_the_same_text_with_its_header_set_off() -> None:
    text = shown(TABLE, Terminal(), width=100)
    assert "\x1b[1m" in text
    assert "model.int8.tflite  80.0 %  12,500     21.2     999 B" in text


def plain(table: Table, width: int) -> list[str]:
    return Text.from_ansi(shown(table, Terminal(), width)).plain.splitlines()


def test_a_narrow_terminal_loses_the_columns_of_the_highest_rank() -> None:
    columns = [
        Column("file"),
        Column("top-1", "percent"),
        Column("size", "size", rank=2),
        Column("SQNR dB", "number", digits=1, rank=1),
    ]
    table = Table(columns, [["model.onnx", 0.82, 2048, 21.25]])
    assert plain(table, 36)[-1] == "model.onnx  82.0 %  2.0 KiB     21.2"
    assert plain(table, 27)[2:] == [
        "model.onnx  82.0 %     21.2",
        "left out at 27 columns: ",
        "size",
    ]
    assert plain(table, 18)[2:4] == ["model.onnx  82.0 %", "left out at 18 "]


def test_text_wraps_and_figures_stay_whole() -> None:
    table = Table([Column("why"), Column("n", "integer")], [["one two three", 1_234_567]])
    rows = {16: ["one    1,234,567", "two", "three"], 15: ["one   1,234,567", "two", "thre", "e"]}
    for width, expected in rows.items():
        assert [line.strip() for line in plain(table, width)[2:]] == expected


def test_no_colour_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in shown(TABLE, Terminal(), width=100)


def test_wide_characters_stay_aligned() -> None:
    lines = shown(Table([Column("name"), Column("n", "integer")], [["写真", 1], ["ab", 2]]))
    assert lines.splitlines()[2:] == ["写真  1", "ab    2"]


def test_markup_and_control_characters_in_values_are_shown_not_obeyed() -> None:
    text = shown(Table([Column("file")], [["[red]x[/]\x1b[2J\n.jpg"], ["\udcff.jpg"]]))
    assert "[red]x[/]\\x1b[2J\\n.jpg" in text
    assert "\x1b" not in text
    assert "\\udcff.jpg" in text


def test_missing_and_odd_numbers_have_a_face() -> None:
    columns = [Column("a", "number"), Column("b", "percent"), Column("c", "size"), Column("d")]
    nan, inf = float("nan"), float("inf")
    rows = [[nan, None, None, None], [inf, 1, 1 << 30, True], [-0.001, nan, 1023, 0]]
    lines = shown(Table(columns, rows)).splitlines()[2:]
    assert [line.split() for line in lines] == [
        ["-", "-", "-", "-"],
        ["inf", "100.0", "%", "1.0", "GiB", "True"],
        ["0.00", "-", "1,023", "B", "0"],
    ]


def test_an_empty_table_shows_its_header() -> None:
    assert shown(Table([Column("file")], [])).splitlines() == ["file", "----"]


def test_a_row_of_another_length_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="zip"):
        shown(Table([Column("a"), Column("b")], [["x"]]))


def test_a_column_may_stand_beside_what_gives_its_value() -> None:
    told = [(Column("word"), str.upper), (Column("letters", "integer"), len)]
    assert shown(Table.of(["ab", "cde"], told)).splitlines()[2:] == [
        "AB          2",
        "CDE         3",
    ]
