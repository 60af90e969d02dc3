"""What the shell is offered when the user presses the tabulator key."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgeconv.nets.registry import NETS

#: As the installed script sets them, and a look at what was imported for it.
PROGRAM = """
import sys
from edgeconv.cli.main import main
sys.argv = ["edgeconv"]
try:
    main()
finally:
    heavy = ("torch", "onnx", "onnxruntime", "ai_edge_litert", "scipy", "tensorflow")
    print(*(name for name in heavy if name in sys.modules), file=sys.stderr)
"""


@pytest.fixture
def place(tmp_path: Path, own: Path) -> Path:
    """Two bundles, a model file, a folder and a device of the user's."""
    for name in ("mine", "mine-too", "deep/below"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "manifest.json").touch()
    (tmp_path / "minimal.onnx").touch()
    (tmp_path / "minutes.txt").touch()
    (own / "myboard.toml").write_text('like = "rpi4"\n')
    return tmp_path


def offered(place: Path, typed: str) -> list[str]:
    """What bash is offered for a command line that ends where the cursor stands."""
    words = typed.split(" ")
    environment = os.environ | {
        "_EDGECONV_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(words) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "", "nothing heavy is imported"
    return done.stdout.split()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("edgeconv expo", ["export"]),
        ("edgeconv export squeeze", [name for name in NETS if name.startswith("squeeze")]),
        ("edgeconv explain x.jpg --net lenet", [n for n in NETS if n.startswith("lenet")]),
        ("edgeconv parity m", ["mine", "mine-too"]),
        ("edgeconv diagnose ./deep/", ["./deep/below"]),
        ("edgeconv bench mine min", ["mine", "mine-too", "minimal.onnx"]),
        ("edgeconv audit min", ["minimal.onnx"]),
        ("edgeconv parity mine --device my", ["myboard"]),
        ("edgeconv devices check rpi4", ["rpi4", "rpi4-emulated"]),
        ("edgeconv devices start rpi4", ["rpi4-emulated"]),
        ("edgeconv export x --recipe t", ["thorough"]),
        ("edgeconv parity nowhere/", []),
    ],
)
def test_the_shell_is_offered_what_fits(place: Path, typed: str, expected: list[str]) -> None:
    assert offered(place, typed) == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_it_is_installed_for_a_shell(tmp_path: Path, shell: str) -> None:
    words = ["edgeconv", "--install-completion", shell]
    program = f"import sys; from edgeconv.cli.main import command; sys.argv = {words!r}; command()"
    named = {"HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | named,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    written = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert any("_EDGECONV_COMPLETE" in text for text in written), done.stdout
