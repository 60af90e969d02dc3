"""The lowest release that a bound allows is found among those that the registry has."""

from __future__ import annotations

import importlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
TOLD = "net (99.0)\nAvailable versions: 99.0, 2.10.1, 2.9.0, 2.1.6, 2.1, 2.0.3, 1.26.4\n"


@pytest.fixture
def lowest(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    done = subprocess.CompletedProcess((), 0, TOLD, "")
    module = importlib.import_module("lowest")
    monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: done)
    return module


@pytest.mark.parametrize(
    ("bound", "found"),
    [("1.0", "1.26.4"), ("2.0", "2.0.3"), ("2.1.0", "2.1"), ("2.2", "2.9.0"), ("2.10", "2.10.1")],
)
def test_the_lowest_release_from_a_bound_on(lowest: Any, bound: str, found: str) -> None:
    assert lowest._first("net", bound) == found


def test_every_bound_of_the_project_is_read(lowest: Any) -> None:
    pins = dict(lowest._lowest({"torch", "torchvision"}))
    assert {"torch", "numpy", "onnx-ir", "ai-edge-litert", "typer"} <= set(pins)
