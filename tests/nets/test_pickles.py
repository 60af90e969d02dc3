"""Pickles of few bytes that would not come to an end are refused before they are read."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from edgeconv.errors import WeightsRefused
from edgeconv.nets.state_files import read_state_file


def doubling(times: int) -> bytes:
    """A dictionary whose key is a tuple of two tuples of two, and so on."""
    steps = b"".join(b"h%c\x86q%c" % (i, i + 1) for i in range(times))
    return b"\x80\x02}" + b")q\0" + steps + b"K\1s."


@pytest.mark.parametrize("is_archive", [True, False])
def test_tuples_that_stand_for_a_billion_are_refused(tmp_path: Path, is_archive: bool) -> None:
    path = tmp_path / "w.pth"
    if is_archive:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("w/data.pkl", doubling(60))
            archive.writestr("w/version", b"3\n")
    else:
        path.write_bytes(doubling(60))
    with pytest.raises(WeightsRefused, match="tuples are nested more than"):
        read_state_file(path)


def test_a_name_that_torch_would_search_for_minutes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    path.write_bytes(b"\x80\x02c" + b"GLOBAL " * 50_000 + b"\nname\n.")
    with pytest.raises(WeightsRefused, match="asks for a name of"):
        read_state_file(path)


@pytest.mark.parametrize("is_archive", [True, False])
def test_what_training_saves_beside_the_weights_is_read(tmp_path: Path, is_archive: bool) -> None:
    net = nn.Sequential(*(nn.Conv2d(3, 3, 3) for _ in range(20)))
    optimizer = torch.optim.AdamW([{"params": [p]} for p in net.parameters()])
    net(torch.zeros(1, 3, 60, 60)).sum().backward()
    optimizer.step()
    held = {"state_dict": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": (3, 4)}
    path = tmp_path / "w.pth"
    torch.save(held, path, _use_new_zipfile_serialization=is_archive)
    assert set(read_state_file(path).tensors) == set(net.state_dict())
