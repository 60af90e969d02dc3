"""A project's defaults: what they fill in, what counts before them, and how they are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeconv.cli.project import FILE_NAME
from tests.cli.conftest import Run


def _options(run: Run, *words: object) -> dict[str, tuple[str | None, str]]:
    shown = run("--show-config", *words, "--json")
    assert shown.code == 0, shown.err
    rows = json.loads(shown.out)["options"]
    return {row["option"]: (row["value"], row["from"]) for row in rows}


def test_a_file_fills_in_what_is_not_typed(run: Run) -> None:
    Path(FILE_NAME).write_text('recipe = "fast"\nmax-drop = 1\nint8 = true\nnet-option = ["a=1"]\n')
    options = _options(run, "export", "mobilenet_v2", "--max-drop", "2")
    assert options["NET"] == ("mobilenet_v2", "command line")
    assert options["--recipe"] == ("fast", FILE_NAME)
    assert options["--int8"] == ("yes", FILE_NAME)
    assert options["--net-option"] == ("a=1", FILE_NAME)
    assert options["--max-drop"] == ("2.0", "command line")
    assert options["--batch"] == ("1", "default")


def test_a_verbs_own_table_counts_before_the_rest(run: Run) -> None:
    Path(FILE_NAME).write_text(
        'threads = 2\n[bench]\nthreads = "1,4"\n[devices.check]\nhost = "a"\n'
    )
    assert _options(run, "bench", "x")["--threads"] == ("1,4", FILE_NAME)
    assert _options(run, "eval", "x", "--data", ".")["--threads"] == ("2", FILE_NAME)
    assert _options(run, "devices", "check", "rpi4")["--host"] == ("a", FILE_NAME)


def test_pyproject_serves_too_and_paths_begin_where_it_lies(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("pyproject.toml").write_text(
        '[tool.edgeconv]\nlabels = "l.csv"\ncalib = "photos"\nweights = "random"\n'
    )
    inner = Path("photos/inner")
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    options = _options(run, "export", "mobilenet_v2")
    where = "../../pyproject.toml"
    assert options["--labels"] == ("../../l.csv", where)  # is always a file's, whether there or not
    assert options["--calib"] == ("../../photos", where)
    assert options["--weights"] == ("random", where)  # a word, for no such file is there


def test_the_nearest_file_counts_and_one_can_be_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / FILE_NAME).write_text("seed = 1\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / FILE_NAME).write_text("batch = 2\n")
    monkeypatch.chdir(tmp_path / "sub")
    assert _options(run, "export", "x")["--seed"] == ("0", "default")
    named = run("--config", f"../{FILE_NAME}", "--show-config", "export", "x", "--json")
    rows = {row["option"]: row["value"] for row in json.loads(named.out)["options"]}
    assert (rows["--seed"], rows["--batch"]) == ("1", "1")


def test_what_a_file_gives_is_used(run: Run) -> None:
    Path(FILE_NAME).write_text('[list]\nfamily = "squeezenet"\n')
    listed = json.loads(run("list", "--json").out)
    assert {net["name"] for net in listed["nets"]} == {"squeezenet1_0", "squeezenet1_1"}


def test_a_project_without_a_word_for_us_may_be_as_it_likes(run: Run) -> None:
    Path("pyproject.toml").write_text("[" * 5000)
    assert run("list", "--json").code == 0


def test_alone_it_shows_the_file(run: Run) -> None:
    assert "There is no edgeconv.toml" in run("--show-config").out
    Path(FILE_NAME).write_text("[bench]\nruns = 3\n")
    assert "--runs" in run("--show-config").out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("max_drop = 1", "max_drop is no option (edgeconv.toml); did you mean max-drop"),
        ("[bench]\nrecipe = 'fast'", "recipe is no option (edgeconv.toml)"),
        ("[benhc]\nruns = 1", "benhc is no verb (edgeconv.toml); did you mean bench"),
        ("[bench.x]\nruns = 1", "bench x is no verb"),
        ("force = true", "force is given on the command line alone"),
        ("decode = 'x.py:f'", "decode is given on the command line alone"),
        ("int8 = 'yes'", "int8 must be true or false"),
        ("batch = true", "batch must be a text or a number"),
        ("batch = [1]", "batch must be a text or a number"),
        ("net-option = 'a=1'", "net-option must be a list of texts"),
        ("recipe =", "edgeconv.toml is no TOML"),
        ("recipe = 'slow'", "It stands in edgeconv.toml"),
        ("max-drop = 1", "--max-drop stands in edgeconv.toml"),
        ("#" * 300_000, "edgeconv.toml cannot be read: it is larger than 256 KiB"),
    ],
)
def test_a_wrong_file_is_refused(run: Run, content: str, said: str) -> None:
    Path(FILE_NAME).write_text(content)
    refused = run("export", "mobilenet_v2")
    assert refused.code == 2
    assert said in " ".join(refused.err.replace("│", "").split())
    assert not Path("mobilenet_v2").exists()


def test_a_file_that_is_not_there(run: Run) -> None:
    refused = run("--config", "none.toml", "list")
    assert (refused.code, "none.toml cannot be read" in refused.err) == (2, True)
