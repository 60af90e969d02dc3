"""Every net of `nets.py` through export, each part of each output judged by PyTorch alone."""

from __future__ import annotations

import functools
import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import edgeconv
from edgeconv.bundle.bundle import Bundle
from edgeconv.nets.running import tensors_of
from edgeconv.runtime.adapt import run_outputs
from edgeconv.runtime.open import open_session
from tests.cases import nets
from tests.helpers.diagnosed import diagnosed

NETS = Path(nets.__file__)
#: Least SQNR of each part of an int8 file in dB, where it is not 20. A choice by a comparison turns
#: over where a value lies within half a step of the other.
LEAST_SQNR_DB = {
    "detector_head": 30.0,
    "rsqrt_of_mean": 15.0,
    "norm_plus_epsilon": 15.0,
    "where_of_values": 12.0,
}
#: Where the parts of an output lie along axis 1.
PARTS = {"detector_head": (slice(0, 4), slice(4, 10))}
EXPORTED = sorted(
    name
    for name, value in vars(nets).items()
    if inspect.isfunction(value) and value.__qualname__ == "case.<locals>.build"
)


@functools.cache
def real(name: str, photos: bytes, count: int) -> list[NDArray[np.float64]]:
    """PyTorch's outputs in float64, photo by photo."""
    net = getattr(nets, name)().double()
    size = net.preprocessing["input_size"]
    given = np.frombuffer(photos, np.float32).reshape(count, 1, 3, *size)
    with torch.no_grad():
        rows = [
            [t.numpy() for t in tensors_of(net(torch.from_numpy(x.copy()).double()))] for x in given
        ]
    return [np.stack(column) for column in zip(*rows, strict=True)]


def made(bundle: Bundle, artifact: str) -> list[NDArray[np.float64]]:
    """The file's outputs in the layout and order of PyTorch's."""
    golden = bundle.golden
    images = golden.samples
    session = open_session(bundle.artifacts[artifact])
    rows = [run_outputs(session, images[i : i + 1]) for i in range(len(golden.samples.normalized))]
    names = [spec.name for spec in session.outputs]
    order = [names.index(name) if name in names else i for i, name in enumerate(golden.reference)]
    found = [np.stack([row[i] for row in rows]).astype(np.float64) for i in order]
    if session.engine == "litert":
        found = [a.transpose(0, 1, 4, 2, 3) if a.ndim == 5 else a for a in found]
    return found


@pytest.mark.parametrize("name", EXPORTED)
def test_case(name: str, tmp_path: Path) -> None:
    options = edgeconv.ExportOptions(int8=True, recipe="fast")
    bundle = edgeconv.export_bundle(f"{NETS}:{name}", options, out=tmp_path / name)
    photos = bundle.golden.samples.normalized
    wanted = real(name, photos.tobytes(), len(photos))
    for artifact in bundle.artifacts:
        for right, got in zip(wanted, made(bundle, artifact), strict=True):
            got = got.reshape(right.shape)
            for part in PARTS.get(name, (slice(None),)):
                at = (slice(None), slice(None), part) if right.ndim > 2 else (slice(None),)
                error = got[at] - right[at]
                if artifact.startswith("int8"):
                    sqnr = 10 * np.log10(np.square(right[at]).sum() / np.square(error).sum())
                    assert sqnr >= LEAST_SQNR_DB.get(name, 20.0), artifact
                else:
                    assert np.abs(error).max() <= 3e-5 * np.abs(right[at]).max(), artifact
    assert bundle.parity_passed, bundle.manifest["parity"]["failed"]
    assert not diagnosed(bundle).findings
