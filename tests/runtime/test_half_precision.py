"""Which machines compute in half precision, and what parity allows there."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from edgeconv.runtime import half_precision
from edgeconv.verify import thresholds
from edgeconv.verify.thresholds import DEFAULTS

A72 = "Features : fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid\n"
A76 = "Features : fp asimd evtstrm aes crc32 atomics fphp asimdhp cpuid asimddp\n"


@pytest.mark.parametrize(
    ("machine", "cpuinfo", "does"),
    [
        ("x86_64", A76, False),
        ("aarch64", A72, False),
        ("aarch64", A76, True),
        ("arm64", None, True),
    ],
)
def test_a_cpu_tells_whether_it_does(
    machine: str, cpuinfo: str | None, does: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "cpuinfo"
    if cpuinfo is not None:
        told.write_text(cpuinfo, "utf-8")
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(half_precision, "_CPUINFO", told)
    assert half_precision.computes_in_half_precision.__wrapped__() == does


@pytest.mark.parametrize(
    ("artifact", "limit"), [("float16.tflite", 5e-2), ("float16.onnx", 2e-2), ("int8.tflite", 10.0)]
)
def test_a_file_that_is_computed_in_it_may_be_further_off(
    artifact: str, limit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thresholds, "computes_in_half_precision", lambda: True)
    assert DEFAULTS.of_rounded(artifact).limit == limit
    monkeypatch.setattr(thresholds, "computes_in_half_precision", lambda: False)
    assert DEFAULTS.of_rounded("float16.tflite").limit == 2e-2
