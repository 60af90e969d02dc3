"""Runs a project's own test on its golden photos, and reads what it prints.

Each project prints a line a photo and step, whatever it is written in: the photo, the step, "ok" or
"differs", and what was found (a checksum, the largest error of a probability), tabs between them.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

from edgeconv.errors import ThresholdMissed, UnavailableError

Step = Literal["decoding", "resizing", "quantizing", "inference", "classes"]
_STEPS: tuple[Step, ...] = get_args(Step)
#: A self-test takes seconds; under emulation, a minute.
_LIMIT_S = 600
_LONGEST_WORDS = 500


@dataclass(frozen=True)
class Result:
    """One step of the way from a golden photo to its classes.

    Attributes:
        photo: the file's name.
        step: "inference" is run on the golden pixels, whatever the project's own are; "quantizing"
            and "classes", what is before it and behind it, are of projects without an engine.
        passed: whether it gave what it must.
        found: a checksum, or the largest error of a probability.
    """

    photo: str
    step: Step
    passed: bool
    found: str


@dataclass(frozen=True)
class Report:
    """All that a project found of itself."""

    results: tuple[Result, ...]

    @property
    def steps(self) -> dict[Step, bool]:
        """Whether every photo passed it, of each step that was taken."""
        taken = {one.step for one in self.results}
        failed = {one.step for one in self.results if not one.passed}
        return {step: step not in failed for step in _STEPS if step in taken}

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"steps": self.steps, "results": [asdict(one) for one in self.results]}

    def require(self) -> None:
        """Raises ThresholdMissed where a step differs."""
        if differing := [step for step, passed in self.steps.items() if not passed]:
            raise ThresholdMissed(
                f"the project differs from the bundle's golden photos in {', '.join(differing)}"
            )


def check(project: Path, name: str) -> Report:
    """Builds a project where it needs that, and runs its self-test.

    Args:
        project: where it stands.
        name: of its consumer.

    Raises:
        UnavailableError: a program that it needs is not there, or the test does not run through.
    """
    lines = _RUNNERS[name](project)
    results = tuple(found for line in lines if (found := _result(line)) is not None)
    if not results:
        raise UnavailableError(f"the project's self-test told nothing: {' '.join(lines)[:200]}")
    return Report(results)


def _result(line: str) -> Result | None:
    """What a line tells; None where it is of something else."""
    parts = line.split("\t")
    steps = {step: step for step in _STEPS}
    if len(parts) != 4 or parts[1] not in steps or parts[2] not in ("ok", "differs"):
        return None
    return Result(parts[0], steps[parts[1]], parts[2] == "ok", parts[3])


def ran(command: Sequence[str | Path], place: Path, *, fine: tuple[int, ...] = (0,)) -> list[str]:
    """The lines that a program prints.

    Raises:
        UnavailableError: it is not installed, runs without end, or ends with another exit code.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            cwd=place,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT_S,
            check=False,
        )
    except FileNotFoundError as error:
        raise UnavailableError(f"{words[0]} is not installed, which --check needs") from error
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"{words[0]} did not end within {_LIMIT_S} s") from error
    if done.returncode not in fine:
        said = " ".join((done.stderr or done.stdout).split())[-_LONGEST_WORDS:]
        raise UnavailableError(
            f"{' '.join(words)[:_LONGEST_WORDS]} ended with exit code {done.returncode}: {said}"
        )
    return done.stdout.splitlines()


def _python(project: Path) -> list[str]:
    (main,) = project.glob("*.py")
    return ran([sys.executable, "-I", main.name, "--self-test"], project, fine=(0, 1))


def _c(project: Path) -> list[str]:
    """Built beside the project, not in it, with the engine that is installed here."""
    package = importlib.util.find_spec("ai_edge_litert")
    if package is None or package.origin is None:
        raise UnavailableError("libLiteRt.so is not here; pip install ai-edge-litert brings it")
    engine = Path(package.origin).with_name("libLiteRt.so")
    with tempfile.TemporaryDirectory() as build:
        ran(["cmake", "-S", project.absolute(), "-B", build, f"-DLITERT={engine}"], project)
        ran(["cmake", "--build", build], project)
        return ran([Path(build) / "classify", "--self-test"], project, fine=(0, 1))


def _web(project: Path) -> list[str]:
    """In a headless Chromium; fetches the engine where the project does not have it yet."""
    if not (project / "node_modules").exists():
        ran(["npm", "install", "--no-audit", "--no-fund"], project)
    return ran(["node", "serve.mjs", "--self-test"], project, fine=(0, 1))


def _kotlin(project: Path) -> list[str]:
    """Compiled beside the project, on a JVM; fetches the compiler where there is none."""
    with tempfile.TemporaryDirectory() as build:
        compiler = shutil.which("kotlinc")
        if compiler is None:
            ran(
                ["npm", "install", "--no-audit", "--no-fund", "kotlin-compiler@2.4.20"], Path(build)
            )
            compiler = f"{build}/node_modules/kotlin-compiler/bin/kotlinc"
        sources = [project.absolute() / name for name in ("Classifier.kt", "SelfTest.kt")]
        jar = Path(build) / "selftest.jar"
        ran(["bash", compiler, *sources, "-include-runtime", "-d", jar], project)
        return ran(["java", "-jar", jar], project, fine=(0, 1))


_RUNNERS: Mapping[str, Callable[[Path], list[str]]] = MappingProxyType(
    {"python": _python, "c": _c, "web": _web, "kotlin": _kotlin}
)
