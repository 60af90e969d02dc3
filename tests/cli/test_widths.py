"""Every verb's tables on terminals of any width, and in a pipe."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest
from PIL import Image
from rich.cells import cell_len
from rich.text import Text
from typer.testing import CliRunner

from edgeconv.cli.main import app
from edgeconv.report import tables
from edgeconv.report.tables import Table, show

NET = """
import torch
from torch import nn

class Net(nn.Module):
    preprocessing = {"input_size": (32, 32), "resize": 32}

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3))

    def forward(self, x):
        return self.body(x).mean((2, 3))

def build():
    torch.manual_seed(1)
    return Net()
"""
#: Each with how many tables it shows at least.
VERBS = {
    "list": 1,
    "devices list": 1,
    "doctor": 1,
    "devices check local": 1,
    "export net.py:build --int8 --weights random --calib-samples 8 --out b": 3,
    "parity b": 1,
    "eval b --data photos": 1,
    "bench b --runs 2 --processes 1 --profile --json-file b.json": 5,
    "compare b.json b.json": 1,
    "inspect b/model.int8.tflite": 2,
    "inspect squeezenet1_1 --input-size 64": 3,
    "audit b/model.onnx": 1,
    "diagnose b --photos 1": 2,
    "explain photos/0/photo.png --net net.py:build --weights random": 1,
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> list[Table]:
    """The tables of every verb, run once."""
    place = tmp_path_factory.mktemp("widths")
    (place / "net.py").write_text(NET)
    (place / "photos" / "0").mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(place / "photos" / "0" / "photo.png")
    found: list[Table] = []
    fill = tables._filled
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setattr(tables, "_filled", lambda table: found.append(table) or fill(table))
        for words, least in VERBS.items():
            before = len(found)
            done = CliRunner().invoke(app, words.split(), env=dict(os.environ))
            assert len(found) - before >= least, (words, done.output, done.exception)
    return found


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines_of(table: Table, width: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    show(table, stream, width=width)
    return Text.from_ansi(stream.getvalue()).plain.splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_a_table_fits_the_terminal_and_says_what_it_leaves_out(
    shown: list[Table], width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for table in shown:
        lines = lines_of(table, width, monkeypatch)
        assert max(map(cell_len, lines)) <= width, lines
        text, _, left_out = " ".join(" ".join(lines).split()).partition("left out at ")
        for index, column in enumerate(table.columns):
            if column.header in left_out:
                assert column.rank > 0
            elif column.kind != "text":  # figures are whole
                assert all(column.cell(row[index]) in text for row in table.rows), lines


def test_a_pipe_gets_a_line_a_row_with_every_column(shown: list[Table]) -> None:
    for table in shown:
        stream = io.StringIO()
        show(table, stream, width=40)
        lines = stream.getvalue().splitlines()
        assert len(lines) == 2 + bool(table.title) + len(table.rows) + len(table.notes)
        header = lines[bool(table.title)]
        assert all(column.header in header for column in table.columns)
        assert not any(line.endswith(" ") for line in lines)


def test_list_is_a_line_a_net_on_eighty_columns(
    shown: list[Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    nets = shown[0]
    assert len(lines_of(nets, 80, monkeypatch)) <= len(nets.rows) + 8
