"""Documents of every verb come together by the hashes of files; what is none is named."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from edgeconv.errors import RefusedError, UsageError
from edgeconv.report import jsondoc
from edgeconv.summary import form
from edgeconv.summary.before import read_before
from edgeconv.summary.collect import collect
from edgeconv.summary.csv_file import as_csv
from edgeconv.summary.found import find
from tests.summary.made import HOSTILE, accuracy, collection, latency, row, write

SHA = "ab" * 32


def interval(value: float) -> dict[str, Any]:
    return {"value": value, "low": value - 0.1, "high": value + 0.1, "count": 7, "total": 10}


def bench(device: str = "rpi4", threads: int = 1, ms: float = 2.0) -> dict[str, Any]:
    samples = {"timing": {"samples_ns": [int(ms * 1e6)] * 3}}
    return {
        "schema": 1,
        "device": device,
        "emulated": False,
        "host": {"cpu": "Cortex-A72", "system": "Linux", "versions": {"numpy": "2.4"}},
        "profiles": {"model.int8.tflite": {"operators": [{"name": "c", "kind": "conv", "ms": 1}]}},
        "results": [
            {
                "artifact": {"name": "model.int8.tflite", "sha256": SHA, "size_bytes": 5000},
                "engine": "litert",
                "threads": threads,
                "batch": 1,
                "latency": {"p50_ms": ms, "low_ms": ms - 0.1, "high_ms": ms + 0.1},
                "verdict": "steady",
                "model_rss_mib": 7.5,
                "processes": [samples] * 5,
            }
        ],
    }


def evaluation(device: str = "local") -> dict[str, Any]:
    comparison = {
        "candidate": {"top1": interval(0.7)},
        "agreement": interval(0.9),
        "drop": {"points": 1.0, "low_points": 0, "high_points": 2, "reference_only": 2}
        | {"candidate_only": 1},
    }
    differing = [{"photo": "a.jpg", "label": 1, "reference": 1, "told": -1}]
    told = {"sha256": SHA, "engine": "litert", "comparison": comparison, "differing": differing}
    return {
        "task": "classification",
        "photos": 10,
        "device": device,
        "versions": {"edgeconv": "0.1"},
        "evaluations": [told],
    }


def parity(device: str = "rpi4", passed: bool = True) -> dict[str, Any]:
    stage = {"name": "int8.tflite", "b": "int8.tflite on rpi4", "passed": passed, "judged": True}
    return {"device": device, "stages": [stage], "files": {"int8.tflite": SHA}}


def diagnosis() -> dict[str, Any]:
    own = {"int8.tflite": {"sqnr_db": 12.5, "grid_sqnr_db": 30.0}}
    tensors = [{"name": "stem", "op_type": "Conv", "own": own}, {"name": "x", "own": {}}]
    return {"files": {"int8.tflite": SHA, "onnx": "cd" * 32}, "tensors": tensors}


def sweep(kind: str, document: Any, **members: Any) -> dict[str, Any]:
    whole = {"sweep_result": 1, "kind": kind, "title": f"net width=1 {kind}", "device": "rpi4"}
    whole |= {"digest": "d" * 24, "depends": {"numpy": "2.4"}, "code": 0, "said": ""}
    return whole | {"started": 1.7e9, "document": document} | members


def test_what_documents_tell_of_a_file_comes_together_by_its_hash(tmp_path: Path) -> None:
    write(tmp_path / "a/bench.json", bench())
    write(tmp_path / "a/b/eval.json", evaluation())
    write(tmp_path / "parity.json", parity(passed=False))
    write(tmp_path / "diagnose.json", diagnosis())
    (one,) = collect([tmp_path]).rows
    assert (one.device, one.file.name, one.file.parity) == ("rpi4", "int8.tflite", "failed")
    assert one.latency is not None
    assert one.latency.medians_ms == (2.0,) * 5
    assert one.latency.operators[0].ms == 1
    assert one.accuracy is not None
    assert (one.accuracy.device, one.accuracy.value.value, one.accuracy.lost) == ("local", 0.7, 2)
    assert one.accuracy.differing[0].told == "-"
    assert [(tensor.name, tensor.sqnr_db) for tensor in one.file.worst] == [("stem", 12.5)]
    assert {source.kind for source in one.sources} == {"bench", "parity", "diagnose"}


def test_devices_and_threads_are_rows_of_their_own_and_the_latest_counts(tmp_path: Path) -> None:
    old = write(tmp_path / "old.json", bench(ms=9.0))
    os.utime(old, (1e9, 1e9))
    write(tmp_path / "new.json", bench())
    write(tmp_path / "four.json", bench(threads=4))
    write(tmp_path / "here.json", bench("local"))
    rows = collect([tmp_path]).rows
    told = [(r.device, r.latency.threads, r.latency.p50_ms.value) for r in rows]
    assert sorted(told) == [("local", 1, 2.0), ("rpi4", 1, 2.0), ("rpi4", 4, 2.0)]


def test_results_of_a_sweep_are_read_and_its_failures_kept(tmp_path: Path) -> None:
    write(tmp_path / "bench/1.json", sweep("bench", bench()))
    write(tmp_path / "eval/2.json", sweep("eval", None, code=2, said="no labels"))
    found = collect([tmp_path])
    (one,) = found.rows
    assert one.sources[0].kind == "bench of a sweep"
    assert one.sources[0].date == "2023-11-14 22:13"
    assert (found.failed[0].kind, found.failed[0].said) == ("eval", "no labels")


def exported(bound: float, sha256: str) -> dict[str, Any]:
    """What an export with a bound prints, of one file."""
    return {
        "net": {"name": "net", "options": {"width": 0.5}},
        "artifacts": {"int8.tflite": {"file": "model.int8.tflite", "precision": "int8"}},
        "files": {"model.int8.tflite": {"sha256": sha256, "bytes": 5}},
        "quantization": {
            "recipe": {"name": "fast", "steps": []},
            "mixed_precision": {"promise": {"at_most": bound, "unit": "points"}},
        },
    }


def test_exports_with_other_bounds_are_told_apart(tmp_path: Path) -> None:
    write(tmp_path / "1.json", exported(1.0, "ab" * 32))
    write(tmp_path / "2.json", exported(2.5, "cd" * 32))
    rows = collect([tmp_path]).rows
    assert [row.file.options for row in rows] == [
        "width=0.5 recipe=fast max-drop=1",
        "width=0.5 recipe=fast max-drop=2.5",
    ]
    assert len({row.key for row in rows}) == 2


def test_documents_without_a_files_hash_are_named_and_joined_to_none(tmp_path: Path) -> None:
    for name, document in (("a", bench()), ("b", evaluation())):
        told = document.get("results", document.get("evaluations"))[0]
        told.get("artifact", told).pop("sha256")
        write(tmp_path / f"{name}.json", document)
    found = collect([tmp_path])
    assert found.rows == ()
    assert [one.why for one in found.unread] == ["it tells of no file by its hash"] * 2


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "no JSON"),
        ("[1]", "no object"),
        ("{}", "none of export"),
        ('{"results": NaN, "host": 1}', "no JSON"),
        ("[" * 100_000, "no JSON"),
        ('{"sweep_result": 99}', "another version"),
        ('{"a": "' + "x" * (65 << 20) + '"}', "larger than 64 MiB"),
    ],
)
def test_what_is_no_document_is_named_and_left_out(content: str, why: str, tmp_path: Path) -> None:
    write(tmp_path / "bad.json", content)
    write(tmp_path / "good.json", bench())
    found = collect([tmp_path])
    assert len(found.rows) == 1
    assert why in found.unread[0].why


def test_links_and_pipes_are_not_followed(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside/bench.json", bench())
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link.json").symlink_to(outside)
    (folder / "folder").symlink_to(outside.parent)
    os.mkfifo(folder / "pipe.json")
    found = collect([folder])
    assert found.rows == ()
    assert {one.why for one in found.unread} == {"it is a link", "it is no regular file"}


def test_folders_however_deep_are_looked_into(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(400):
        deep = deep / "aaa"
        deep.mkdir()
    write(deep / "bench.json", bench())
    old = sys.getrecursionlimit()
    sys.setrecursionlimit(300)
    try:
        found = find((tmp_path,))
    finally:
        sys.setrecursionlimit(old)
    assert [one.name for one in found.documents] == ["bench.json"]


def test_a_folder_that_cannot_be_looked_into_is_named(tmp_path, monkeypatch) -> None:
    write(tmp_path / "shut/bench.json", bench())
    write(tmp_path / "good.json", bench())
    open_ = Path.iterdir

    def iterdir(path: Path):
        if path.name == "shut":
            raise PermissionError(13, "Permission denied")
        return open_(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    found = collect([tmp_path])
    assert len(found.rows) == 1
    assert [one.why for one in found.unread] == ["it cannot be looked into: Permission denied"]


def test_members_of_any_kind_do_no_harm(tmp_path: Path) -> None:
    """Each value of whole documents is put to something else in turn; nothing is raised."""
    for whole in (bench(), evaluation(), parity(), diagnosis(), sweep("bench", bench())):
        for place, path in enumerate(_places(whole)):
            for wrong in (None, [], {}, -1, 1e308, True, HOSTILE, [[None]], {"a": {}}):
                altered = jsondoc.plain_json(whole)
                _put(altered, path, wrong)
                write(tmp_path / "one.json", altered)
                found = collect([tmp_path / "one.json"])
                assert "\x1b" not in str(found), place
                jsondoc.dumps(form.document(found))
                as_csv(found)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value[:1]) if isinstance(value, list) else items
    return [at for key, one in items for at in [(*path, key), *_places(one, (*path, key))]]


def _put(value: Any, path: tuple[Any, ...], wrong: Any) -> None:
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = wrong


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        collect([tmp_path / "none"])


def test_a_report_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    found = collection(
        row("a", latency=latency(1.0, 2.0, 3.0), accuracy=accuracy(3, 1, differing=2)), row("b")
    )
    path = write(tmp_path / "old.json", jsondoc.dumps(form.document(found)))
    assert read_before(path) == found


def test_a_damaged_report_is_refused(tmp_path: Path) -> None:
    whole = jsondoc.plain_json(form.document(collection(row("a", latency=latency(1.0)))))
    for path in _places(whole):
        for wrong in ([], {}, 5, None):
            altered = jsondoc.plain_json(whole)
            _put(altered, path, wrong)
            write(tmp_path / "old.json", altered)
            _refused_or_read(tmp_path / "old.json")


def _refused_or_read(path: Path) -> None:
    """Members that may be missing may be None; all else is refused, by the file's name."""
    try:
        read_before(path)
    except (RefusedError, UsageError) as error:
        if path.name not in str(error):
            raise


def test_no_cell_of_the_spreadsheet_is_a_formula() -> None:
    lines = as_csv(collection(row("=HYPERLINK(1)"), row("+1"))).splitlines()
    assert lines[1].startswith("'=HYPERLINK")
    assert lines[2].startswith("'+1")
    assert len({line.count(",") for line in lines}) == 1
