"""Engines open each file of an export at most twice, once for each set of kernels."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import edgeconv
from edgeconv.runtime.litert import LiteRtSession
from edgeconv.runtime.ort import OrtSession

NET = """
from torch import nn

class Net(nn.Sequential):
    preprocessing = {"input_size": (16, 16), "resize": 16}

def net():
    layers = nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)
    return Net(*layers)
"""


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file is opened from now on, by its name."""
    counted: Counter[str] = Counter()

    def count(session: type) -> None:
        begin = session.__init__

        def counting(self: Any, source: Path | bytes, *rest: Any, **named: Any) -> None:
            if isinstance(source, Path):
                counted[source.name] += 1
            begin(self, source, *rest, **named)

        monkeypatch.setattr(session, "__init__", counting)

    count(LiteRtSession)
    count(OrtSession)
    return counted


def test_no_file_is_opened_more_often_than_it_has_to(opened: Counter[str], tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET)
    options = edgeconv.ExportOptions(
        precisions=("int8", "float16", "dynamic-int8"), weights="random", calib_samples=8
    )
    bundle = edgeconv.export_bundle(f"{tmp_path}/net.py:net", options, out=tmp_path / "out")
    assert set(opened) == {path.name for path in bundle.artifacts.values()}
    # By parity on the default and on the reference kernels, and for golden/.
    assert max(opened.values()) <= 3
    assert opened["model.onnx"] <= 2
    assert bundle.manifest == edgeconv.Bundle.load(tmp_path / "out").manifest
    opened.clear()
    assert bundle.parity().passed
    assert max(opened.values()) <= 2
