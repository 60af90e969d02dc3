"""What must hold of measuring on any emulated device, over its real transport."""

from __future__ import annotations

from pathlib import Path

from edgeconv.devices.agent.open_machine import open_machine
from edgeconv.devices.profile import read as profiles
from edgeconv.runtime.requests import ProfileRequest
from edgeconv.runtime.results import Profile, read_profile
from tests.helpers.small_bundle import MULTIPLY_ADDS, document, edgeconv, noise_photos

#: Repeatability that the count of instructions is held to.
SPREAD = 0.005


def check_bench(name: str, bundle: Path, engines: set[str]) -> dict[str, int]:
    """Benches in two processes; gives each artifact's instructions."""
    told = document("bench", bundle, "--device", name, "--processes", 2, "--runs", 1)
    assert told["emulated"] is True
    assert told["host"]["architecture"] == "aarch64"
    assert {result["engine"] for result in told["results"]} == engines
    for result in told["results"]:
        assert "latency" not in result
        first, second = result["instructions_by_process"]
        assert abs(first - second) <= SPREAD * first, result["artifact"]["name"]
        # At most sixteen multiply-adds an instruction (dot product), and hardly under a tenth.
        assert MULTIPLY_ADDS / 16 < first < 10 * MULTIPLY_ADDS
    return {result["artifact"]["name"]: result["instructions"] for result in told["results"]}


def check_profile(name: str, path: Path) -> Profile:
    """The agent there profiles a file; the command line refuses to call that a time."""
    done = edgeconv("bench", path, "--device", name, "--profile")
    assert done.returncode == 2
    assert "what an operator takes there means nothing" in done.stderr
    with open_machine(profiles.load(name)) as machine:
        request = ProfileRequest(machine.place(path), runs=2)
        return read_profile(machine.ask(request, deadline_s=300)[-1])


def check_parity(name: str, bundle: Path) -> None:
    """Float agrees with the reference and with this machine; LiteRT's int8 is identical to here."""
    told = document("parity", bundle, "--device", name)
    assert told["status"] == "passed"
    assert told["failed"] == []
    floats = [stage for stage in told["stages"] if stage["name"].startswith("tflite")]
    assert len(floats) == 2
    assert all(stage["passed"] is True for stage in floats)
    operators = [found for found in told["operators"] if found["engine"] == "litert"]
    assert {"CONV_2D", "DEPTHWISE_CONV_2D", "ADD"} <= {found["kind"] for found in operators}
    assert all(found["identical"] for found in operators)


def check_eval(name: str, bundle: Path, place: Path) -> None:
    """Every photo is classified there as here."""
    photos = noise_photos(place, 2)
    told = document("eval", bundle, "--data", photos, "--device", name)
    there = [found for found in told["evaluations"] if found["here"] is not None]
    assert {found["artifact"].split()[0] for found in there} >= {"tflite", "int8.tflite"}
    for found in there:
        assert found["comparison"]["images"] == 2
        if found["engine"] == "litert":
            assert found["here"]["agreement"]["value"] == 1.0
