"""Checks as a JUnit XML file, which every continuous-integration service can show.

    testsuites > testsuite > testcase > (properties > property)*, failure?

No times of day are written: the same results give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

from edgeconv.disk import write_whole

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 (section 2.2) has no way to write."""


@dataclass(frozen=True)
class Case:
    """One check.

    Attributes:
        name: what was checked.
        passed: whether it held.
        message: why not, or a remark.
        figures: what was measured, by name.
        seconds: how long it took.
    """

    name: str
    passed: bool
    message: str = ""
    figures: Mapping[str, float | int | str | None] = field(default_factory=dict)
    seconds: float = 0.0


def render_junit(suite: str, cases: Iterable[Case]) -> bytes:
    """The UTF-8 document of one suite."""
    listed = list(cases)
    counts = {
        "tests": str(len(listed)),
        "failures": str(sum(not case.passed for case in listed)),
        "errors": "0",
        "time": f"{sum(case.seconds for case in listed):.3f}",
    }
    root = ET.Element("testsuites", counts)
    parent = ET.SubElement(root, "testsuite", {"name": _legal(suite), **counts, "skipped": "0"})
    for case in listed:
        _add_case(parent, suite, case)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def write_junit(path: Path | str, suite: str, cases: Sequence[Case]) -> None:
    """Writes the document whole or not at all.

    Raises:
        OutputUnwritable: the file cannot be written there.
    """
    write_whole(Path(path), render_junit(suite, cases))


def _add_case(parent: ET.Element, suite: str, case: Case) -> None:
    element = ET.SubElement(
        parent,
        "testcase",
        {"classname": _legal(suite), "name": _legal(case.name), "time": f"{case.seconds:.3f}"},
    )
    if case.figures:
        properties = ET.SubElement(element, "properties")
        for name, value in case.figures.items():
            pair = {"name": _legal(name), "value": _legal(_figure(value))}
            ET.SubElement(properties, "property", pair)
    if not case.passed:
        first_line = (case.message.splitlines() or ["failed"])[0]
        failure = ET.SubElement(element, "failure", {"message": _legal(first_line)})
        failure.text = _legal(case.message)
    elif case.message:
        ET.SubElement(element, "system-out").text = _legal(case.message)


def _figure(value: float | int | str | None) -> str:
    if value is None:
        return ""
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)
