"""A project of a user's: a test of five lines for each bundle, run by a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

TEST = """\
from edgeconv.testing import assert_parity


def test_parity(edgeconv_bundle):
    assert_parity(edgeconv_bundle("{bundle}"))
"""


@dataclass(frozen=True)
class Outcome:
    """How a run of pytest ended: its code, what it printed, and its cases by their modules."""

    code: int
    out: str
    cases: dict[str, list[ET.Element]]

    def failure(self, module: str) -> str:
        """What the one case of a module says; "" where it passed."""
        (case,) = self.cases[module]
        found = case.find("failure")
        return "" if found is None else found.text or ""


def write_test(project: Path, bundle: str, text: str = TEST) -> None:
    """A test of one bundle, in a module of its own."""
    name = bundle.replace("-", "_")
    (project / f"test_{name}.py").write_text(text.format(bundle=bundle), "utf-8")


def run_pytest(project: Path, *words: str, plugin: str = "edgeconv.testing.plugin") -> Outcome:
    """Runs a project's tests as its author would, with this plugin alone."""
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "80"}
    command = [sys.executable, "-m", "pytest", "-p", plugin, "-p", "no:cacheprovider"]
    command += ["--import-mode=importlib", f"--rootdir={project}", "--junitxml=junit.xml", *words]
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=600
    )
    cases: dict[str, list[ET.Element]] = {}
    if (project / "junit.xml").exists():
        for case in ET.parse(project / "junit.xml").getroot().iter("testcase"):
            cases.setdefault(case.get("classname", ""), []).append(case)
    return Outcome(done.returncode, done.stdout + done.stderr, cases)
