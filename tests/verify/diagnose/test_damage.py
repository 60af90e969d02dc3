"""Files that an engine or the walk stumbles over are refused in one line, not told as a crash."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from edgeconv.errors import ArtifactRefused
from edgeconv.runtime.adapt import Images
from edgeconv.verify.diagnose import diagnose
from edgeconv.verify.diagnose.damage import refusing_contradictions
from tests.helpers.tiny_models import TinyNet, photos


def damaged(path: Path, what: str) -> None:
    """The float net's file, of which one thing says otherwise."""
    model = onnx.shape_inference.infer_shapes(onnx.load(path))
    conv = model.graph.node[0]
    match what:
        case "window":
            conv.attribute.append(onnx.helper.make_attribute("kernel_shape", [9, 9]))
        case "domain":
            conv.domain = "com.microsoft"
        case "input":
            conv.input[1] = "nowhere"
    path.write_bytes(model.SerializeToString())


@pytest.mark.parametrize("what", ["window", "domain", "input"])
def test_a_graph_that_no_engine_runs_is_refused(tmp_path: Path, what: str) -> None:
    path = TinyNet().float_onnx(tmp_path / "model.onnx")
    damaged(path, what)
    fed = photos(2)
    with pytest.raises(ArtifactRefused, match=r"model\.onnx") as caught:
        diagnose({"onnx": path}, Images(fed), {"logits": TinyNet().logits(fed)})
    assert len(str(caught.value)) < 1000


def test_the_walk_names_the_file_it_stumbles_over() -> None:
    with (
        pytest.raises(ArtifactRefused, match=r"a\.onnx contradicts itself"),
        refusing_contradictions(Path("a.onnx"), None),
    ):
        np.zeros(3) + np.zeros(4)
