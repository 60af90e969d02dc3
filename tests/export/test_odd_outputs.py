"""Nets that work in place, and outputs without a row for each photo, go the whole way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from edgeconv.bundle.bundle import Bundle
from edgeconv.data import builtin
from edgeconv.data.preprocessing import normalize_batch
from edgeconv.errors import NetRefused
from edgeconv.export.options import ExportOptions
from edgeconv.export.pipeline import export_bundle
from edgeconv.nets.load import load_net

NET = """
import torch
from torch import nn
from torch.nn import functional as F

def made(forward, **layers):
    class Net(nn.Module):
        preprocessing = {"input_size": (16, 12), "resize": 18}

        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3, 2, 1)
            for name, make in layers.items():
                setattr(self, name, make())

        def forward(self, x):
            return forward(self, x)

    return Net

def fails_in_training(net, x):
    if net.norm.training:
        raise KeyError("no such mode")
    return net.norm(net.conv(x))

in_place = made(lambda net, x: net.conv(x.sub_(0.3).div_(0.5)))
input_rewritten = made(lambda net, x: (net.conv(x), x.mul_(2)))
scalar = made(lambda net, x: F.relu(net.conv(x)).mean())
scalar_beside = made(lambda net, x: (net.conv(x), F.relu(net.conv(x)).sum()))
channels_alone = made(lambda net, x: net.conv(x).mean((0, 2, 3)))
unbatched = made(lambda net, x: net.conv(x)[0])
batch_last = made(lambda net, x: net.conv(x).permute(1, 2, 3, 0))
one_size_of_batch = made(
    lambda net, x: net.norm(net.conv(x)).reshape(1, 8, 48), norm=lambda: nn.BatchNorm2d(8)
)
fails_in_training = made(fails_in_training, norm=lambda: nn.BatchNorm2d(8))
"""
WORK = [
    "in_place",
    "input_rewritten",
    "scalar",
    "scalar_beside",
    "channels_alone",
    "unbatched",
    "batch_last",
    "one_size_of_batch",
]
OPTIONS = ExportOptions(int8=True, recipe="fast", calib_samples=8)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nets") / "net.py"
    path.write_text(NET)
    return path


@pytest.mark.parametrize("name", WORK)
def test_the_golden_vectors_are_what_a_net_makes_of_one_photo_alone(
    name: str, net: Path, tmp_path: Path
) -> None:
    bundle = export_bundle(f"{net}:{name}", OPTIONS, out=tmp_path / "out")
    assert bundle.manifest["parity"]["failed"] == []
    assert bundle.parity().passed
    golden = Bundle.load(tmp_path / "out").golden
    photos = list(builtin.photos(bundle.preprocessing, len(golden.samples.normalized), "golden"))
    np.testing.assert_array_equal(
        golden.samples.normalized, normalize_batch(photos, bundle.preprocessing)
    )
    if name == "one_size_of_batch":  # untrained: its statistics are set inside the export
        return
    module = load_net(f"{net}:{name}").module
    for index, photo in enumerate(golden.samples.normalized):
        with torch.no_grad():
            given = module(torch.from_numpy(photo.copy())[None])
        made = given if isinstance(given, tuple) else (given,)
        for expected, held in zip(made, golden.reference.values(), strict=True):
            row = held[index].reshape(expected.shape)
            np.testing.assert_allclose(row, expected.numpy(), rtol=1e-5, atol=1e-6)


def test_one_output_for_several_photos_is_refused(net: Path, tmp_path: Path) -> None:
    options = ExportOptions(batch=4)
    with pytest.raises(NetRefused, match=r"not one row for each of the 4 photos.*--batch 1"):
        export_bundle(f"{net}:scalar", options, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_net_that_fails_while_its_statistics_are_set_is_refused(
    net: Path, tmp_path: Path
) -> None:
    with pytest.raises(NetRefused, match="KeyError: 'no such mode'"):
        export_bundle(f"{net}:fails_in_training", OPTIONS, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
