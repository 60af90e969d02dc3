"""A GPU bench measures the GPU or fails; what `nvidia-smi` says is read strictly."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from edgeconv.devices.agent.local import LocalMachine
from edgeconv.devices.bench.config import BenchConfig
from edgeconv.devices.bench.run import bench, profile
from edgeconv.devices.check import findings
from edgeconv.devices.profile.read import load
from edgeconv.devices.state import findings as gpu_findings
from edgeconv.devices.state.gpu import Gpu, gpus, read_gpus
from edgeconv.devices.state.probe import read_facts
from edgeconv.devices.transport.local import LocalTransport
from edgeconv.errors import ArtifactRefused, DeviceFailed, UsageError
from edgeconv.runtime.timing import TimingConfig
from tests.helpers.tiny_models import TinyNet

QUICK = BenchConfig(processes=1, timing=TimingConfig(runs=2, warmup_seconds=0))
#: The agent, but whatever it is asked, it measures on the CPU.
CARELESS = (
    "import io, sys\n"
    "from edgeconv.runtime import agent, requests\n"
    "read = requests.read_request\n"
    "def on_cpu(line): return read(line.replace(b'\"cuda\"', b'\"cpu\"'))\n"
    "agent.read_request = on_cpu\n"
    "sys.exit(agent.main())\n"
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return TinyNet().float_onnx(tmp_path / "model.onnx")


def test_an_agent_that_measured_on_the_cpu_is_found_out(model):
    careless = [sys.executable, "-c", CARELESS]
    assert bench(LocalMachine(careless), {"tiny": model}, QUICK).provider == "cpu"
    with pytest.raises(DeviceFailed, match="ran on cpu, not on cuda"):
        bench(LocalMachine(careless, provider="cuda"), {"tiny": model}, QUICK)


#: The agent with a GPU that takes no file called int8, and says that it measured there.
PICKY = (
    "import sys\n"
    "from dataclasses import replace\n"
    "from edgeconv.errors import ArtifactRefused\n"
    "from edgeconv.runtime import agent\n"
    "def timed(request, turns):\n"
    "    if 'int8' in request.path: raise ArtifactRefused('cuda does not take all of it')\n"
    "    on_cpu = replace(request, provider='cpu')\n"
    "    return replace(agent.time_file(on_cpu, turns), provider='cuda')\n"
    "sys.exit(agent.main(timed))\n"
)


@pytest.mark.parametrize("side_by_side", [False, True])
def test_a_file_that_the_gpu_does_not_take_is_left_out_and_told_of(model, tmp_path, side_by_side):
    int8 = TinyNet().int8_onnx(tmp_path / "int8.onnx")
    machine = LocalMachine([sys.executable, "-c", PICKY], name="cuda", provider="cuda")
    config = replace(QUICK, processes=2, side_by_side=side_by_side)
    report = bench(machine, {"int8": int8, "float": model}, config)
    (result,) = report.results
    assert (result.artifact.name, len(result.processes)) == ("float", 2)
    assert "int8 is left out: cuda does not take all of it" in report.warnings
    with pytest.raises(ArtifactRefused, match="does not take"):
        bench(machine, {"int8": int8}, QUICK)


def test_operators_are_not_profiled_on_a_gpu(model):
    with pytest.raises(UsageError, match="Nsight"):
        profile(LocalMachine(name="cuda", provider="cuda"), {"tiny": model}, QUICK)


def test_each_line_is_a_gpu():
    answer = (
        "NVIDIA GeForce RTX 4090, 550.54.14, 24564, 2520, 10501, 41\n"
        "NVIDIA A100-SXM4-80GB, 535.104.05, 81920, [N/A], 1593, 33\n"
    )
    assert read_gpus(answer) == (
        Gpu("NVIDIA GeForce RTX 4090", "550.54.14", 24564, 2520, 10501, 41),
        Gpu("NVIDIA A100-SXM4-80GB", "535.104.05", 81920, None, 1593, 33),
    )


@pytest.mark.parametrize(
    "line",
    [
        "",
        "No devices were found",
        "NVIDIA A100, 535.104.05, 81920, 1410, 1593",
        "NVIDIA A100, 535.104.05, 81920, 1410, 1593, 33, 34",
        "NVIDIA A100, newest, 81920, 1410, 1593, 33",
        "NVIDIA A100, 535.104.05, 81920 MiB, 1410, 1593, 33",
        "NVIDIA A100, 535.104.05, 81920, 1410, 1593, -3",
        "\x1b[31mNVIDIA A100, 535.104.05, 81920, 1410, 1593, 33",
    ],
)
def test_a_line_that_is_not_as_it_should_be_is_no_gpu(line):
    assert read_gpus(line) == ()


def test_the_program_is_asked_for_what_is_read(tmp_path, monkeypatch):
    """Through a stand-in that answers each field that is asked for with its own value."""
    program = tmp_path / "nvidia-smi"
    program.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        "values = {'name': 'Tesla T4', 'driver_version': '550.1', 'memory.total': 15360,\n"
        "          'clocks.sm': 585, 'clocks.mem': 5000, 'temperature.gpu': 45}\n"
        "query, form = sys.argv[1:]\n"
        "assert form == '--format=csv,noheader,nounits'\n"
        "print(', '.join(str(values[f]) for f in query.removeprefix('--query-gpu=').split(',')))\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with LocalTransport() as transport:
        (found,) = gpus(transport)
    assert asdict(found) == {
        "name": "Tesla T4",
        "driver": "550.1",
        "memory_mib": 15360,
        "clock_mhz": 585,
        "memory_clock_mhz": 5000,
        "temperature_c": 45,
    }


def test_without_the_program_there_is_no_gpu(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with LocalTransport() as transport:
        assert gpus(transport) == ()


def test_check_names_what_a_gpu_profile_misses(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))  # no nvidia-smi
    monkeypatch.setattr(gpu_findings, "import_engine", lambda _: CpuOnly())
    monkeypatch.setattr(gpu_findings, "torch_advice", lambda: "pip install a torch with CUDA")
    found = {row.what: row for row in findings(load("cuda"), read_facts("machine=x86_64"))}
    assert found["GPU"].verdict == found["onnxruntime's providers"].verdict == "missing"
    assert "onnxruntime-gpu" in found["onnxruntime's providers"].advice
    assert found["torch's CUDA"].verdict == "warning"
    assert "engines" not in found, "that a package is installed is not enough"


def test_check_shows_the_gpu_and_what_can_use_it(monkeypatch):
    monkeypatch.setattr(gpu_findings, "gpus_here", lambda: (Gpu("T4", "5.1", 1, 585, None, 45),))
    monkeypatch.setattr(gpu_findings, "import_engine", lambda _: WithCuda())
    monkeypatch.setattr(gpu_findings, "torch_advice", lambda: "")
    rows = [r for r in findings(load("cuda"), read_facts("python=3.11.2")) if r.what != "Python"]
    found = {row.what: row for row in rows}
    assert found["GPU"].value == "T4 (driver 5.1, 585 MHz, 45 °C)"
    assert {row.verdict for row in rows} == {"ok"}


class CpuOnly:
    """onnxruntime as it comes from pip."""

    def get_available_providers(self) -> list[str]:
        return ["CPUExecutionProvider"]


class WithCuda:
    """onnxruntime-gpu."""

    def get_available_providers(self) -> list[str]:
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]
