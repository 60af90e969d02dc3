"""`edgeconv compare` on documents as `bench` writes them."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from edgeconv.devices.agent.local import LocalMachine
from edgeconv.devices.bench.config import BenchConfig
from edgeconv.devices.bench.run import bench
from edgeconv.report import jsondoc
from edgeconv.runtime.timing import TimingConfig
from tests.helpers.tiny_models import TinyNet


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    """A real one: two files, six processes each."""
    files = TinyNet().write_all(tmp_path_factory.mktemp("tiny"))
    config = BenchConfig(processes=6, timing=TimingConfig(runs=3, warmup_seconds=0.01))
    chosen = {name: files[name] for name in ("tflite", "int8.tflite")}
    return json.loads(jsondoc.dumps(bench(LocalMachine(), chosen, config).to_json()))


def with_times(document, first_ms, second_ms, run="r"):
    """The document with other medians, so that nothing hangs on this machine's clock."""
    changed = json.loads(json.dumps(document))
    changed["run"] = run
    for result, ms in zip(changed["results"], (first_ms, second_ms), strict=True):
        for number, process in enumerate(result["processes"]):
            process["timing"]["samples_ns"] = [int(1e6 * ms * (1 + number / 1000))] * 3
    return changed


@pytest.fixture
def written(tmp_path, document):
    def write(name, *times, **other):
        path = tmp_path / name
        path.write_text(json.dumps(with_times(document, *times, **other)))
        return path

    return write


def test_a_slower_file_is_named_and_exits_one(run, written, tmp_path):
    before, after = written("a.json", 10, 5, run="one"), written("b.json", 10, 6, run="two")
    junit = tmp_path / "compare.xml"
    done = run("compare", before, after, "--fail-above", "5%", "--junit", junit)
    assert done.code == 1
    assert "int8.tflite on 1 thread(s) +20.0 %" in done.err
    assert "different times" in done.err
    failures = ET.parse(junit).getroot().findall(".//failure/..")
    assert [case.get("name") for case in failures] == ["int8.tflite litert 1 thread(s)"]


def test_a_slower_file_within_the_limit_passes(run, written):
    before, after = written("a.json", 10, 5), written("b.json", 10.3, 5)
    done = run("compare", before, after, "--fail-above", "5%", "--json")
    assert done.code == 0
    rows = json.loads(done.out)["rows"]
    assert [row["comparison"]["verdict"] for row in rows] == ["slower", "no difference"]
    assert rows[0]["percent"] == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("path", "says", "shown"),
    [(".", "Is a directory", False), ("/dev/full", "No space left", True)],
)
def test_the_table_is_lost_to_no_path_that_fails_late(run, written, path, says, shown):
    both = written("both.json", 10, 5)
    done = run("compare", both, both, "--junit", path)
    assert done.code == 3
    assert f"{path} cannot be written: {says}" in done.err
    assert ("B takes" in done.out) is shown


def test_a_rows_percentage_is_that_of_its_figures(run, document, tmp_path):
    """Two slow processes of six move a mean and leave the median."""
    changed = with_times(document, 0.05, 0.05)
    for process in changed["results"][1]["processes"][:2]:
        process["timing"]["samples_ns"] = [75_000] * 3
    (tmp_path / "both.json").write_text(json.dumps(changed))
    words = ("--artifact", "tflite", "--artifact", "int8.tflite")
    done = run("compare", "both.json", "both.json", *words)
    a, b, percent = done.out.splitlines()[2].split()[5:8]
    assert f"{100 * (float(b) / float(a) - 1):+.1f}" == percent == "+14.5"
    assert "A and B: geometric mean" in done.out


def test_two_files_of_one_run_are_compared(run, written):
    both = written("a.json", 10, 5)
    done = run("compare", both, both, "--artifact", "tflite", "--artifact", "int8.tflite", "--json")
    (row,) = json.loads(done.out)["rows"]
    assert row["comparison"]["verdict"] == "faster"
    assert row["comparison"]["ratio"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("processes", "says"), [(4, "--processes 8"), (6, "too few to be compared in pairs"), (8, None)]
)
def test_side_by_side_too_few_processes_for_pairs_are_told_of(
    run, document, tmp_path, processes, says
):
    changed = with_times(document, 10, 5)
    changed["config"]["side_by_side"] = True
    for result in changed["results"]:
        result["processes"] = (2 * result["processes"])[:processes]
    (tmp_path / "both.json").write_text(json.dumps(changed))
    words = ("--artifact", "tflite", "--artifact", "int8.tflite")
    done = run("compare", "both.json", "both.json", *words)
    assert done.code == 0
    assert (says or "") in done.err
    assert ("warning" in done.err) is (says is not None)
    assert (", in pairs" in done.out) is (processes == 8)


def test_the_real_document_against_itself_shows_no_difference(run, document, tmp_path):
    (tmp_path / "same.json").write_text(json.dumps(document))
    done = run("compare", "same.json", "same.json", "--json", "--fail-above", "0%")
    assert done.code == 0
    assert {row["percent"] for row in json.loads(done.out)["rows"]} == {0.0}


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (None, 2, "no such file"),
        ("nonsense", 4, "it is no JSON (Expecting value"),
        ("[]", 4, "no document of `edgeconv bench`: its JSON is no object"),
        ("{}", 4, "it has no schema, known is 1"),
        ('{"schema": 1}', 4, "it holds no emulated"),
        ('{"schema": 99}', 4, "schema 99"),
        ("[" * 100_000, 4, "nested too deeply"),
        ('{"schema": 1, "emulated": false, "device": "d", "run": "r", "results": []}', 2, "common"),
    ],
)
def test_what_is_no_document_is_refused(run, written, tmp_path, content, code, says):
    good, bad = written("good.json", 1, 1), tmp_path / "bad.json"
    if content is not None:
        bad.write_text(content)
    done = run("compare", good, bad)
    assert (done.code, done.out) == (code, "")
    assert says in done.err


@pytest.mark.parametrize("path", [".", "/dev/null"])
def test_a_path_of_no_file_is_not_called_missing(run, written, path):
    done = run("compare", path, written("good.json", 1, 1))
    assert (done.code, done.out) == (2, "")
    assert "no such file" not in done.err
    assert ("a folder" if path == "." else "no regular file") in done.err


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"device": 5}, "device is 5, not text"),
        ({"run": None}, "run is None, not text"),
        ({"emulated": "no"}, "emulated is no, not true or false"),
        ({"config": []}, "config is [], not an object"),
        ({"results": {}}, "results is {}, not a list"),
        ({"results": [3]}, "where artifact should stand is no object"),
        ({"results": [{"artifact": {"name": "n"}, "engine": "litert"}]}, "it holds no threads"),
        ({"results": [{"artifact": {"name": "n"}, "engine": "e"}]}, "e is no engine"),
    ],
)
def test_values_of_another_kind_are_named(run, written, document, tmp_path, change, says):
    (tmp_path / "bad.json").write_text(json.dumps({**document, **change}))
    done = run("compare", "bad.json", written("good.json", 1, 1))
    assert (done.code, done.out) == (4, "")
    assert says in done.err
    assert "Error" not in done.err


def test_impossible_values_in_a_document_are_refused(run, written, document, tmp_path):
    changed = with_times(document, 1, 1)
    changed["results"][0]["processes"][0]["timing"]["samples_ns"] = [-5]
    (tmp_path / "bad.json").write_text(json.dumps(changed))
    assert run("compare", written("good.json", 1, 1), "bad.json").code == 4


@pytest.mark.parametrize("words", [("--fail-above", "much"), ("--artifact", "gone")])
def test_wrong_words_are_wrong_usage(run, written, words):
    good = written("good.json", 1, 1)
    assert run("compare", good, good, *words).code == 2
