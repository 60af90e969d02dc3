"""A checkout on Python's path works, and says that it has no version."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from edgeconv import installed
from tests.embed.conftest import export


def test_a_bundle_of_a_bare_checkout_says_that_its_version_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installed, "DISTRIBUTIONS", ("a-name-that-nobody-installed",))
    bundle = export(tmp_path / "bundle")
    told = json.loads((bundle / "manifest.json").read_text())
    assert told["tools"]["edgeconv"] == "0+unknown"
    assert onnx.load(bundle / "model.onnx").producer_version == "0+unknown"
