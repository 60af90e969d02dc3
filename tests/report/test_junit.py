from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from edgeconv.errors import OutputUnwritable
from edgeconv.report.junit import Case, render_junit, write_junit

CASES = [
    Case("float ONNX", True, figures={"sqnr_db": 101.25, "top1": 500, "note": None}, seconds=1.5),
    Case("int8 <TFLite>", False, "SQNR is 8 dB\nthe bound is 10 dB", {"sqnr_db": 8.0}),
    Case("int8 ONNX", True, "judged with graph optimizations off"),
]


def test_checks_become_cases_that_a_parser_reads_back() -> None:
    root = ET.fromstring(render_junit("mobilenet_v2", CASES))
    suite = root[0]
    assert root.tag == "testsuites"
    assert suite.attrib == {
        "name": "mobilenet_v2",
        "tests": "3",
        "failures": "1",
        "errors": "0",
        "skipped": "0",
        "time": "1.500",
    }
    first, second, third = suite
    assert first.attrib == {"classname": "mobilenet_v2", "name": "float ONNX", "time": "1.500"}
    figures = {item.get("name"): item.get("value") for item in first.iter("property")}
    assert figures == {"sqnr_db": "101.25", "top1": "500", "note": ""}
    failure = second.find("failure")
    assert failure is not None
    assert failure.get("message") == "SQNR is 8 dB"
    assert failure.text == "SQNR is 8 dB\nthe bound is 10 dB"
    assert third.findtext("system-out") == "judged with graph optimizations off"


def test_the_same_results_give_the_same_bytes() -> None:
    assert render_junit("net", CASES) == render_junit("net", iter(CASES))


def test_characters_that_xml_cannot_hold_do_not_break_it() -> None:
    case = Case("a\x00\x1b\udcff", False, "", {"x\x07": "\ufffe"})
    element = ET.fromstring(render_junit("s", [case]))[0][0]
    assert element.get("name") == "a\ufffd\ufffd\ufffd"
    failure = element.find("failure")
    assert failure is not None
    assert failure.get("message") == "failed"


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_junit(tmp_path / "report.xml", "net", CASES)
    assert (tmp_path / "report.xml").read_bytes() == render_junit("net", CASES)
    assert [path.name for path in tmp_path.iterdir()] == ["report.xml"]
    with pytest.raises(OutputUnwritable, match="cannot be written: No such file or directory"):
        write_junit(tmp_path / "missing" / "report.xml", "net", CASES)
    (tmp_path / "folder.xml").mkdir()
    with pytest.raises(OutputUnwritable, match="Is a directory"):
        write_junit(tmp_path / "folder.xml", "net", CASES)
    assert {path.name for path in tmp_path.iterdir()} == {"report.xml", "folder.xml"}
