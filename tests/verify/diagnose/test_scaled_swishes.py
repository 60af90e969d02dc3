"""Files whose swishes got an argument of their own are diagnosed and explained as they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

import edgeconv
from edgeconv.errors import BundleRefused
from edgeconv.explain.int8_file import Int8File, Pair
from edgeconv.quantize.repair.as_written import as_written
from edgeconv.quantize.repair.repairs import Repairs
from edgeconv.runtime.metrics import sqnr_db
from edgeconv.verify.diagnose import Diagnosis, diagnose

NET = """
import torch
from torch import nn


class Net(nn.Module):
    '''A few channels of two swishes are far larger than the others.'''

    def __init__(self, act):
        super().__init__()
        torch.manual_seed(1)
        self.act = act
        self.stem = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.apart = nn.Conv2d(16, 16, 3, 1, 1, groups=16)
        self.squeeze, self.excite = nn.Conv2d(16, 4, 1), nn.Conv2d(4, 16, 1)
        self.project = nn.Conv2d(16, 24, 1)
        self.head = nn.Linear(24, 10)
        with torch.no_grad():
            self.norm.weight[:2] = 30.0
            self.apart.weight[:2] /= 30.0

    def forward(self, x):
        y = self.act(self.apart(self.act(self.norm(self.stem(x)))))
        gate = torch.sigmoid(self.excite(self.act(self.squeeze(y.mean((2, 3), keepdim=True)))))
        return self.head(self.act(self.project(y * gate)).mean((2, 3)))


def swish():
    return Net(nn.SiLU())


def hard_swish():
    return Net(nn.Hardswish())
"""


@pytest.fixture(scope="module", params=["swish", "hard_swish"])
def bundle(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> edgeconv.Bundle:
    place = tmp_path_factory.mktemp("swishes")
    (place / "net.py").write_text(NET, encoding="utf-8")
    options = edgeconv.ExportOptions(
        weights="random", input_size=(32, 32), int8=True, calib_samples=40
    )
    return edgeconv.export_bundle(f"{place}/net.py:{request.param}", options, out=place / "bundle")


def walk(bundle: edgeconv.Bundle, repairs: Repairs) -> Diagnosis:
    vectors = bundle.golden
    told = {**bundle.quantization, "repairs": repairs.to_json()}
    held = replace(bundle, quantization=told)
    return diagnose(
        bundle.artifacts,
        vectors.samples,
        vectors.reference,
        recorded=bundle.quantization["tensors"],
        as_written=lambda model: as_written(model, held.repairs, held.intake),
        photos=2,
    )


def test_a_sound_bundle_has_nothing_broken(bundle: edgeconv.Bundle) -> None:
    assert bundle.repairs.swishes
    assert bundle.parity_passed
    walked = walk(bundle, bundle.repairs)
    assert walked.findings == ()
    total = {tensor.name: tensor.total_db for tensor in walked.tensors}
    for name in bundle.repairs.swishes:
        assert total[name]["int8.tflite"] > 20
        assert f"{name}/argument" in total


def test_activations_come_back_as_the_float_nets(bundle: edgeconv.Bundle) -> None:
    vectors = bundle.golden
    files = Pair(bundle.artifacts["int8.tflite"], bundle.artifacts["tflite"], bundle.repairs)
    file = Int8File(files, vectors.samples[:1])
    for name in bundle.repairs.swishes:
        wanted = file._floating.read_tensor(name)[0].transpose(2, 0, 1)
        assert sqnr_db(wanted, file.activations(name)) > 20


def test_divided_layers_are_told(bundle: edgeconv.Bundle) -> None:
    divided = bundle.repairs.divided
    assert divided.keys() <= set(bundle.repairs.swishes)
    for name, sizes in divided.items():
        assert sorted(bundle.repairs.orders[name]) == list(range(sum(sizes)))
    with pytest.raises(BundleRefused, match="divide"):
        walk(bundle, replace(bundle.repairs, divided={bundle.repairs.swishes[0]: (1,)}))


def test_a_swish_that_the_net_lacks_is_refused(bundle: edgeconv.Bundle) -> None:
    with pytest.raises(BundleRefused, match="no swish"):
        walk(bundle, replace(bundle.repairs, swishes=("nowhere",)))
