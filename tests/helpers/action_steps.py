"""Does what GitHub's runner does with the steps of a composite action: one by one, by its shell."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_INPUT = re.compile(r"\$\{\{ inputs\.([a-z-]+) \}\}")
_IS_GIVEN = re.compile(r"inputs\.([a-z-]+) != ''")
#: As a runner calls `shell: bash`.
_BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail")


@dataclass(frozen=True)
class Ran:
    """What one step did."""

    name: str
    code: int
    out: str


@dataclass(frozen=True, eq=False)
class Runner:
    """A runner's machine.

    Attributes:
        action: the directory that action.yml stands in.
        workspace: where steps run.
        programs: directories that go before PATH.
    """

    action: Path
    workspace: Path
    programs: Sequence[Path]

    @property
    def summary(self) -> Path:
        """The run's page."""
        return self.workspace.with_name("summary.md")

    @property
    def environment(self) -> dict[str, str]:
        """Of every step."""
        path = os.pathsep.join([*map(str, self.programs), os.environ["PATH"]])
        return {**os.environ, "PATH": path}

    def run(self, only: Collection[str] = (), **given: str) -> list[Ran]:
        """Every step, or only those of these names, whose condition holds.

        After a failure only those that always run.
        """
        document = yaml.safe_load((self.action / "action.yml").read_text("utf-8"))
        inputs = {name: str(told.get("default", "")) for name, told in document["inputs"].items()}
        inputs |= {name.replace("_", "-"): value for name, value in given.items()}
        done: list[Ran] = []
        for step in document["runs"]["steps"]:
            failed = any(ran.code for ran in done)
            if (not only or step["name"] in only) and _holds(
                step.get("if", ""), inputs, failed=failed
            ):
                done.append(self._step(step, inputs))
        return done

    def _step(self, step: Mapping[str, Any], inputs: Mapping[str, str]) -> Ran:
        assert step["shell"] == "bash"
        own = {
            name: _INPUT.sub(lambda found: inputs[found[1]], value)
            for name, value in step.get("env", {}).items()
        }
        github = {
            "GITHUB_ACTION_PATH": str(self.action),
            "GITHUB_STEP_SUMMARY": str(self.summary),
        }
        script = self.workspace.with_name("step.sh")
        script.write_text(step["run"], "utf-8")
        done = subprocess.run(
            [*_BASH, script],
            cwd=self.workspace,
            env={**self.environment, **github, **own},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1800,
        )
        return Ran(step["name"], done.returncode, done.stdout)


def _holds(condition: str, inputs: Mapping[str, str], *, failed: bool) -> bool:
    """What conditions say that this project writes; any other is a KeyError or AssertionError."""
    terms = [term.strip() for term in condition.split("&&") if term.strip()]
    always = "always()" in terms
    for term in terms:
        if term != "always()":
            found = _IS_GIVEN.fullmatch(term)
            assert found is not None, term
            if not inputs[found[1]]:
                return False
    return always or not failed


def write_program(path: Path, script: str) -> None:
    """A program of the shell's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    path.chmod(0o755)
