"""edgeconv report on the command line."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run
from tests.summary.made import write
from tests.summary.test_collect import bench, evaluation


def results(place: Path, ms: float = 2.0) -> Path:
    write(place / "bench.json", bench(ms=ms))
    write(place / "eval.json", evaluation())
    return place


def test_a_folder_becomes_a_table_a_page_and_a_spreadsheet(run: Run, tmp_path: Path) -> None:
    folder = results(tmp_path / "results")
    shown = run(
        "report", str(folder), "--html", str(tmp_path / "r.html"), "--csv", str(tmp_path / "r.csv")
    )
    assert shown.code == 0, shown.err
    assert "70.0 %" in shown.out
    assert "rpi4" in shown.out
    assert "<title>" in (tmp_path / "r.html").read_text()
    assert "0.7" in (tmp_path / "r.csv").read_text()


def test_the_gate_exits_1_and_names_the_row_that_got_slower(run: Run, tmp_path: Path) -> None:
    old = results(tmp_path / "old")
    saved = tmp_path / "old.json"
    saved.write_text(run("report", str(old), "--json").out)
    words = ("--baseline", str(saved), "--fail-above", "5%", "--fail-drop", "0.5")
    assert run("report", str(old), *words).code == 0
    slower = results(tmp_path / "slower", ms=2.4)
    failed = run("report", str(slower), *words)
    assert failed.code == 1
    assert "int8.tflite" in failed.err
    assert "latency 2 ms -> 2.4 ms" in failed.err
    told = json.loads(run("report", str(slower), *words, "--json").out)["gate"]
    assert {one["figure"]: one["is_worse"] for one in told["compared"]} == {
        "size": False,
        "latency": True,
        "top-1": False,
        "top-1 lost to float": False,
    }


def test_what_was_left_out_is_said_and_nothing_at_all_is_refused(run: Run, tmp_path: Path) -> None:
    folder = results(tmp_path / "results")
    (folder / "bad.json").write_text("{")
    shown = run("report", str(folder))
    assert shown.code == 0
    assert "bad.json was left out: it is no JSON" in shown.err
    (tmp_path / "empty").mkdir()
    refused = run("report", str(tmp_path / "empty"))
    assert refused.code == 2
    assert "no bundle and no document was found" in refused.err


def test_wrong_words_are_refused(run: Run, tmp_path: Path) -> None:
    folder = str(results(tmp_path / "results"))
    for words, said in (
        (("--fail-above", "5%"), "give --baseline"),
        (("--fail-above", "much", "--baseline", folder), "--fail-above much is no share"),
        (("--data", folder), "give --html too"),
        (("--baseline", "none.json"), "no such file"),
    ):
        refused = run("report", folder, *words)
        assert refused.code == 2, words
        assert said in refused.err
    unwritable = run("report", folder, "--html", "no/such/folder/r.html")
    assert unwritable.code == 3
    assert "no/such/folder" in unwritable.err
