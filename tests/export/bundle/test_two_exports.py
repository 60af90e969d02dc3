"""Two exports into one directory at the same time: nobody's figures are taken for another's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import edgeconv
from edgeconv.bundle import staging
from edgeconv.errors import OutputExists
from edgeconv.export import pipeline

NET = """
import torch
from torch import nn

class Net(nn.Module):
    preprocessing = {{"input_size": (16, 16), "resize": 16}}

    def __init__(self):
        super().__init__()
        torch.manual_seed({width})
        self.body = nn.Conv2d(3, {width}, 3)

    def forward(self, x):
        return self.body(x).mean((2, 3))

def build():
    return Net()
"""


@pytest.fixture
def nets(tmp_path: Path) -> list[str]:
    """Two nets that tell themselves apart by their number of outputs."""
    for width in (4, 6):
        (tmp_path / f"net{width}.py").write_text(NET.format(width=width))
    return [f"{tmp_path}/net{width}.py:build" for width in (4, 6)]


def outputs(manifest: dict[str, dict[str, dict[str, list[int]]]]) -> list[list[int]]:
    return list(manifest["graph"]["outputs"].values())


@pytest.mark.parametrize("force", [False, True])
def test_who_wrote_first_while_another_was_at_work(
    nets: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, force: bool
) -> None:
    fill = pipeline._fill
    options = edgeconv.ExportOptions(weights="random", formats=("onnx",))
    place = tmp_path / "out"

    def outrun(*arguments: object) -> object:
        document = fill(*arguments)  # type: ignore[arg-type]
        monkeypatch.setattr(pipeline, "_fill", fill)
        edgeconv.export_bundle(nets[1], options, out=place)
        return document

    monkeypatch.setattr(pipeline, "_fill", outrun)
    if force:
        first = edgeconv.export_bundle(nets[0], options, out=place, force=True)
        assert outputs(first.manifest) == [[1, 4]]
        assert outputs(edgeconv.Bundle.load(place).manifest) == [[1, 4]]
        return
    with pytest.raises(OutputExists, match="another export wrote"):
        edgeconv.export_bundle(nets[0], options, out=place)
    assert outputs(edgeconv.Bundle.load(place).manifest) == [[1, 6]]


def test_a_bundle_that_was_replaced_at_once_is_told_by_its_own_figures(
    nets: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = staging.staged
    options = edgeconv.ExportOptions(weights="random", formats=("onnx",))
    place = tmp_path / "out"

    @contextmanager
    def replaced_at_once(destination: Path, **words: object) -> Iterator[Path]:
        with real(destination, **words) as directory:  # type: ignore[arg-type]
            yield directory
        monkeypatch.setattr(staging, "staged", real)
        edgeconv.export_bundle(nets[1], options, out=place, force=True)

    monkeypatch.setattr(staging, "staged", replaced_at_once)
    first = edgeconv.export_bundle(nets[0], options, out=place, force=True)
    assert outputs(first.manifest) == [[1, 4]]
    assert first.directory == place
    assert outputs(edgeconv.Bundle.load(place).manifest) == [[1, 6]]
