"""The wheel of edgeconv-runtime: what is in it, and that it stands beside `edgeconv`."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

import edgeconv

ROOT = Path(__file__).resolve().parents[2]
#: What may be installed beside it: the engine, and what the command line is written with.
NEEDED = {"numpy", "pillow", "typer", "rich", "ai-edge-litert", "onnxruntime"}

PREDICTS = """
import edgeconv
net = edgeconv.Bundle.load("bundle").open("tflite")
print(edgeconv.__file__, len(net.predict(["photo.png"])[0].top(3)))
"""
NO_REGISTRY = ("No matching distribution", "Could not find a version", "connection", "Network")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("setuptools is not installed, which builds wheels")
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    ignored = shutil.ignore_patterns("__pycache__", "photos", "build", "*.egg-info")
    shutil.copytree(ROOT / "packaging", source / "packaging", ignore=ignored)
    shutil.copytree(ROOT / "edgeconv", source / "edgeconv", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", source)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", f"--wheel-dir={place}", str(source / "packaging/runtime")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "requires" in done.stderr and "setuptools" in done.stderr:
        pytest.skip(f"this setuptools cannot build it: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return next(place.glob("*.whl"))


def test_it_shares_no_file_with_the_whole(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    version = message_from_string(_metadata(wheel))["Version"]
    assert tops == {
        "edgeconv_runtime",
        "edgeconv_runtime.pth",
        f"edgeconv_runtime-{version}.dist-info",
    }
    scripts = zipfile.ZipFile(wheel).read(f"edgeconv_runtime-{version}.dist-info/entry_points.txt")
    assert b"\nedgeconv =" not in scripts.partition(b"[console_scripts]")[2].partition(b"[")[0]


def test_it_holds_every_module(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    package = Path(edgeconv.__file__).parent
    modules = {f"edgeconv_runtime/edgeconv/{p.relative_to(package)}" for p in package.rglob("*.py")}
    assert not modules - names
    assert "edgeconv_runtime/edgeconv/devices/profiles/rpi4.toml" in names


def test_it_asks_for_nothing_heavy(wheel: Path) -> None:
    told = message_from_string(_metadata(wheel))
    wanted = {line.split(">")[0] for line in told.get_all("Requires-Dist", [])}
    assert wanted == NEEDED


def test_the_whole_is_imported_where_both_are_installed(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    assert _imported(site) == site / "edgeconv_runtime/edgeconv/__init__.py"
    (site / "edgeconv").mkdir()
    (site / "edgeconv/__init__.py").touch()
    assert _imported(site) == site / "edgeconv/__init__.py"


def _imported(site: Path) -> Path:
    """The edgeconv that Python imports where this directory is its site-packages."""
    code = (
        f"import site, sys; sys.path.append({str(site)!r}); site.addsitedir({str(site)!r}); "
        "import edgeconv; print(edgeconv.__file__)"
    )
    command = [sys.executable, "-I", "-S", "-c", code]
    return Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())


@pytest.mark.slow
def test_in_a_fresh_environment_bundles_run(wheel: Path, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh"
    subprocess.run([sys.executable, "-m", "venv", str(fresh)], check=True)
    python = fresh / "bin/python"
    install = ["-m", "pip", "install", "--quiet", f"edgeconv-runtime[litert] @ {wheel.as_uri()}"]
    done = subprocess.run([python, *install], capture_output=True, text=True, check=False)
    if done.returncode and any(word in done.stderr for word in NO_REGISTRY):
        pytest.skip(f"pip reaches no registry: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    options = edgeconv.ExportOptions(weights="random", input_size=(64, 64), calib_samples=8)
    edgeconv.export_bundle("squeezenet1_1", options, out=tmp_path / "bundle")
    shutil.copy(ROOT / "edgeconv/data/photos/coffee.png", tmp_path / "photo.png")
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def said(*words: str) -> str:
        command = [fresh / "bin" / words[0], *words[1:]]
        ran = subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env=outside, check=False
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    file, classes = said("python", "-c", PREDICTS).split()
    assert Path(file).is_relative_to(fresh)
    assert classes == "3"
    assert "tflite" in said("edgeconv-runtime", "parity", "bundle")
    bench = ("bench", "bundle", "--runs", "3", "--processes", "1")
    assert "tflite" in said("edgeconv-runtime", *bench)
    assert said("edgeconv-runtime", "--version").startswith("edgeconv-runtime ")
    there = said("python", "-m", "pip", "list", "--format=freeze").splitlines()
    names = {line.partition("==")[0] for line in there}
    assert not names & {"edgeconv", "torch", "torchvision", "scipy", "onnx", "onnxruntime"}


def _metadata(wheel: Path) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return archive.read(name).decode()
