"""The repository's own promises: root links, fast start, public names."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "torchvision", "onnx", "onnxruntime", "tensorflow", "scipy", "ai_edge_litert")


@pytest.mark.parametrize("part", ["export", "quantize", "runtime", "devices"])
def test_the_root_shows_each_part_as_a_relative_link(part: str) -> None:
    link = ROOT / part
    assert link.is_symlink()
    assert not link.readlink().is_absolute()
    assert link.resolve() == ROOT / "edgeconv" / part
    assert (link / "__init__.py").is_file()


@pytest.mark.parametrize(
    "words", [["--help"], ["list"], ["export", "--help"], ["list", "--json"], ["--version"]]
)
def test_the_first_minute_imports_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys\n"
        "from edgeconv.cli.main import main\n"
        f"sys.argv = ['edgeconv', *{words!r}]\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert end.code == 0, end.code\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_the_command_line_starts_without_numpy() -> None:
    code = "import sys, edgeconv.cli.main; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = f"import sys, edgeconv; assert not [n for n in {HEAVY!r} if n in sys.modules]"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_is_there() -> None:
    import edgeconv

    for name in edgeconv.__all__:
        assert getattr(edgeconv, name) is not None
    import edgeconv.export

    assert pickle.loads(pickle.dumps(edgeconv.export_bundle)) is edgeconv.export_bundle
    assert inspect.ismodule(edgeconv.export)
    assert not callable(edgeconv.export)


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    import edgeconv

    with pytest.raises(AttributeError, match="no_such_name"):
        edgeconv.no_such_name  # noqa: B018


def test_no_room_is_crowded() -> None:
    """At most 25 modules beside each other; the definitions of nets are as many as there are."""
    package = ROOT / "edgeconv"
    folders = {path.parent for path in package.rglob("*.py") if "nets" not in path.parts}
    crowded = {
        str(folder.relative_to(ROOT)): count
        for folder in folders
        if (count := len([p for p in folder.glob("*.py") if p.name != "__init__.py"])) > 25
    }
    assert not crowded
    lines = {path: path.read_text("utf-8").count("\n") for path in package.rglob("*.py")}
    assert not [path for path, count in lines.items() if count > 400]
