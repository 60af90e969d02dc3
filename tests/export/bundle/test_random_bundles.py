"""Bundles of random nets: made, judged and diagnosed without a fault."""

from __future__ import annotations

from pathlib import Path

import pytest

import edgeconv
from edgeconv.verify.audit.any_file import audit
from tests.helpers.diagnosed import diagnosed

NET = """
import sys
sys.path.insert(0, {root!r})
from tests.helpers.random_nets import random_net

def net(seed: int):
    found = random_net(seed)
    found.preprocessing = {{"input_size": list(found.size), "resize": max(found.size) + 4}}
    return found
"""


@pytest.mark.parametrize(("seed", "recipe"), [(0, "fast"), (13, "fast"), (105, "default")])
def test_nothing_of_a_random_net_is_broken(seed: int, recipe: str, tmp_path: Path) -> None:
    """Sums over axes, maxima of maps, and channels that hardly any photo wakes."""
    source = tmp_path / "random.py"
    source.write_text(NET.format(root=str(Path(__file__).parents[3])))
    options = edgeconv.ExportOptions(
        int8=True,
        recipe=recipe,  # type: ignore[arg-type]
        calib_samples=16,
        net_options={"seed": seed},
    )
    bundle = edgeconv.export_bundle(f"{source}:net", options, out=tmp_path / "bundle")
    assert bundle.parity_passed, bundle.manifest["parity"]["failed"]
    assert not diagnosed(bundle).findings
    for name in ("int8.onnx", "int8.tflite"):
        assert audit(bundle.artifacts[name]).int8_share > 0
