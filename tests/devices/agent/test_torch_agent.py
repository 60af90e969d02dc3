"""torch runs the net that is described, on what was asked for, and is timed as other engines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from edgeconv.devices.agent.local import LocalMachine
from edgeconv.devices.agent.torch_agent import time_net
from edgeconv.devices.agent.torch_net import TorchNet, read
from edgeconv.devices.bench.config import BenchConfig
from edgeconv.devices.bench.run import bench
from edgeconv.errors import ArtifactRefused, RefusedError, UnavailableError, UsageError
from edgeconv.report import jsondoc
from edgeconv.runtime.requests import TimeRequest
from edgeconv.runtime.timing import TimingConfig
from tests.helpers import input_nets

QUICK = TimingConfig(runs=3, warmup_seconds=0)
#: A net that fails unless it gets the photos it is told to expect.
SOURCE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, batch, side, channels_last):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.expected = (batch, 3, side, side)
        self.layout = torch.channels_last if channels_last else torch.contiguous_format

    def forward(self, x):
        assert tuple(x.shape) == self.expected, tuple(x.shape)
        assert x.is_contiguous(memory_format=self.layout)
        assert self.conv.weight.is_contiguous(memory_format=self.layout)
        assert not self.training and torch.is_inference_mode_enabled()
        return self.conv(x).mean((2, 3))

def build(batch=1, side=224, channels_last=False):
    return Net(batch, side, channels_last)
"""

without_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")


@pytest.fixture
def target(tmp_path: Path) -> str:
    (tmp_path / "net.py").write_text(SOURCE)
    return f"{tmp_path / 'net.py'}:build"


def described(path: Path, target: str, batch: int = 1, last: bool = False, **told) -> Path:
    expected = {"batch": batch, "side": 12, "channels_last": last, **told}
    net = TorchNet(target, expected, None, 12, 12, batch, channels_last=last)
    return net.write(path)


@pytest.mark.parametrize("last", [False, True])
def test_the_net_gets_the_described_photos_in_the_described_layout(tmp_path, target, last):
    path = described(tmp_path / "net", target, batch=2, last=last)
    result = time_net(TimeRequest(str(path), timing=QUICK))
    assert (result.engine, result.provider, result.batch) == ("torch", "cpu", 2)
    assert len(result.timing.samples_ns) == 3
    wrong = described(tmp_path / "wrong", target, batch=2, last=last, channels_last=not last)
    with pytest.raises(AssertionError):
        time_net(TimeRequest(str(wrong), timing=QUICK))


@pytest.mark.parametrize("side_by_side", [False, True])
def test_a_bench_runs_it_in_processes_of_its_own_and_tells_the_throughput(
    tmp_path, target, side_by_side
):
    paths = {f"{n}": described(tmp_path / f"net{n}", target, n) for n in (1, 4)}
    config = BenchConfig(processes=1, timing=QUICK, side_by_side=side_by_side)
    report = bench(LocalMachine(), paths, config)
    single, several = report.results
    assert (single.batch, several.batch) == (1, 4)
    assert several.engine == "torch"
    assert [len(result.processes[0].timing.samples_ns) for result in report.results] == [3, 3]
    assert several.images_per_s == pytest.approx(4000 / several.latency.p50_ms)
    assert report.columns[-1] == "images/s"
    assert {len(row) for row in report.rows()} == {len(report.columns)}
    assert jsondoc.plain_json(report)["results"][1]["batch"] == 4


def test_a_registrys_net_is_built_at_its_own_size(tmp_path):
    path = TorchNet("squeezenet1_1", batch=1).write(tmp_path / "net")
    timing = TimingConfig(runs=1, warmup_seconds=0)
    assert time_net(TimeRequest(str(path), timing=timing)).timing.samples_ns


@without_cuda
def test_torch_without_cuda_is_told_with_what_to_install(tmp_path, target):
    path = described(tmp_path / "net", target)
    with pytest.raises(UnavailableError, match=r"torch .*pip install") as caught:
        bench(LocalMachine(name="cuda", provider="cuda"), {"torch": path}, BenchConfig())
    assert caught.value.exit_code == 3


def test_torch_has_no_tensorrt_and_no_reference_kernels(tmp_path, target):
    path = str(described(tmp_path / "net", target))
    with pytest.raises(UsageError, match="tensorrt"):
        time_net(TimeRequest(path, provider="tensorrt"))
    with pytest.raises(UsageError, match="reference"):
        time_net(TimeRequest(path, kernels="reference"))


@pytest.mark.parametrize(
    ("target", "error"),
    [("no_such_net", UsageError), ("squeezenet1_1:nonsense", UsageError)],
)
def test_a_net_that_cannot_be_built_is_told_as_what_it_is(tmp_path, target, error):
    path = TorchNet(target).write(tmp_path / "net")
    with pytest.raises(error):
        bench(LocalMachine(), {"torch": path}, BenchConfig(processes=1, timing=QUICK))


def test_a_net_whose_code_fails_is_refused(tmp_path):
    (tmp_path / "net.py").write_text("def build():\n    raise ValueError('not today')\n")
    path = TorchNet(f"{tmp_path / 'net.py'}:build").write(tmp_path / "net")
    with pytest.raises(ArtifactRefused, match="not today"):
        time_net(TimeRequest(str(path), timing=QUICK))


def test_a_description_is_read_as_it_was_written(tmp_path):
    net = TorchNet("mobilenet_v2", {"width": 0.5}, 10, 96, 128, 8, channels_last=True)
    assert read(net.write(tmp_path / "net")) == net


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        json.dumps({"target": 5}),
        json.dumps({"target": "vgg16", "batch": 0}),
        json.dumps({"target": "vgg16", "batch": None}),
        json.dumps({"target": "vgg16", "batch": True}),
        json.dumps({"target": "vgg16", "height": 10**6, "width": 10**6}),
        json.dumps({"target": "vgg16", "options": [1]}),
        json.dumps({"target": "vgg16", "classes": "many"}),
        json.dumps({"target": "vgg16", "channels_last": "no"}),
        json.dumps({"target": "vgg16", "weights": "/etc/passwd"}),
        json.dumps({"target": "v" * 10**6}),
    ],
)
def test_what_is_no_description_is_refused(tmp_path, content):
    path = tmp_path / "net.torchnet"
    path.write_text(content)
    with pytest.raises(RefusedError):
        read(path)


def test_a_net_of_several_inputs_gets_each_in_its_shape(tmp_path):
    path = TorchNet(f"{input_nets.__file__}:TwoImages", batch=2, channels_last=True)
    result = time_net(TimeRequest(str(path.write(tmp_path / "net")), timing=QUICK))
    assert (result.engine, result.batch, len(result.timing.samples_ns)) == ("torch", 2, 3)
