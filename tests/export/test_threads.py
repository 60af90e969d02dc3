"""The same inputs give the same bytes, however many threads the libraries would use."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import torch

from edgeconv.export.threads import _openblas, one_thread

NET = """
import torch
from torch import nn


def conv(inputs, outputs, stride=1):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.ReLU6())


def net():
    return nn.Sequential(
        conv(3, 48, 2), conv(48, 96, 2), conv(96, 96), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(96, 300),
    )
"""
EXPORT = """
import sys
import edgeconv

options = edgeconv.ExportOptions(
    weights="random", input_size=(64, 64), int8=True, recipe="default", calib_samples=40
)
edgeconv.export_bundle(sys.argv[1], options, out=sys.argv[2])
"""
_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def digests(net: str, out: Path, threads: int) -> dict[str, str]:
    """SHA-256 of every file of a bundle that a process with so many threads exports."""
    environment = {**os.environ, **dict.fromkeys(_VARIABLES, str(threads))}
    subprocess.run([sys.executable, "-c", EXPORT, net, str(out)], env=environment, check=True)
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def test_one_two_and_four_threads_give_the_same_bytes(tmp_path: Path) -> None:
    source = tmp_path / "net.py"
    source.write_text(NET, encoding="utf-8")
    one, two, four = (digests(f"{source}:net", tmp_path / str(n), n) for n in (1, 2, 4))
    assert len(one) >= 6
    assert one == two
    assert one == four


def test_the_callers_threads_are_given_back() -> None:
    before, blas = torch.get_num_threads(), _openblas()
    torch.set_num_threads(3)
    held = None if blas is None else blas[0]()
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
            assert blas is None or blas[0]() == 1
        assert torch.get_num_threads() == 3
        assert blas is None or blas[0]() == held
    finally:
        torch.set_num_threads(before)
