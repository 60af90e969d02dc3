"""A weights file may hold anything; what is no state dict is refused with a reason."""

from __future__ import annotations

import collections
import json
import os
import pickle
import random
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from edgeconv.errors import EdgeconvError, UsageError, WeightsRefused
from edgeconv.nets import weights_path
from edgeconv.nets.state_files import read_state_file

pytestmark = pytest.mark.filterwarnings("ignore:Detected pickle protocol")

STATE = {"conv.weight": torch.arange(24.0).reshape(2, 3, 2, 2), "conv.bias": torch.ones(2)}


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch evil-was-here",)


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_is_unwrapped(wrapper: str | None, prefix: str, zipped: bool) -> None:
    state = collections.OrderedDict((prefix + name, value) for name, value in STATE.items())
    content = {wrapper: state, "epoch": 3} if wrapper else state
    torch.save(content, "w.pth", _use_new_zipfile_serialization=zipped)
    read = read_state_file(Path("w.pth"))
    assert list(read.tensors) == list(STATE)
    assert all(torch.equal(read.tensors[name], STATE[name]) for name in STATE)


def test_safetensors_bring_their_metadata_and_hash() -> None:
    save_file(STATE, "w.safetensors", metadata={"net": "mobilenet_v2"})
    read = read_state_file(Path("w.safetensors"))
    assert read.metadata == {"net": "mobilenet_v2"}
    assert torch.equal(read.tensors["conv.weight"], STATE["conv.weight"])
    assert len(read.sha256) == 64


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_pickle_is_not_run(zipped: bool) -> None:
    torch.save({"w": Evil()}, "w.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsRefused, match="holds pickled Python code, which edgeconv does not"):
        read_state_file(Path("w.pth"))
    assert not Path("evil-was-here").exists()


def test_a_plain_pickle_with_code_is_not_run() -> None:
    Path("w.pt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(WeightsRefused):
        read_state_file(Path("w.pt"))
    assert not Path("evil-was-here").exists()


def test_a_whole_pickled_module_says_how_to_save_the_values() -> None:
    torch.save(torch.nn.Conv2d(1, 1, 1), "w.pth")
    with pytest.raises(WeightsRefused, match=r"torch\.save\(net\.state_dict\(\)"):
        read_state_file(Path("w.pth"))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(suffix: str, part: float) -> None:
    path = Path("w" + suffix)
    save_file(STATE, path) if suffix == ".safetensors" else torch.save(STATE, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(WeightsRefused, match=r"truncated|broken"):
        read_state_file(path)


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
def test_an_empty_file_is_refused(suffix: str) -> None:
    Path("w" + suffix).touch()
    with pytest.raises(WeightsRefused, match="is empty"):
        read_state_file(Path("w" + suffix))


def test_a_header_that_claims_more_than_the_file_holds_is_refused() -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [2**30], "data_offsets": [0, 2**32]}})
    Path("w.safetensors").write_bytes(struct.pack("<Q", len(header)) + header.encode() + b"\0" * 64)
    with pytest.raises(WeightsRefused, match="truncated or no safetensors"):
        read_state_file(Path("w.safetensors"))


def test_a_header_longer_than_the_file_is_refused() -> None:
    Path("w.safetensors").write_bytes(struct.pack("<Q", 2**62) + b"{}")
    with pytest.raises(WeightsRefused, match="truncated or no safetensors"):
        read_state_file(Path("w.safetensors"))


def test_an_archive_that_unpacks_to_more_than_it_holds_is_refused() -> None:
    torch.save({"w": torch.zeros(1_000_000)}, "w.pth")
    with zipfile.ZipFile("w.pth") as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile("w.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(WeightsRefused, match="claims tensors larger than the file"):
        read_state_file(Path("w.pth"))


def test_a_file_past_the_limit_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    save_file(STATE, "w.safetensors")
    monkeypatch.setattr(weights_path, "MAX_BYTES", 100)
    with pytest.raises(WeightsRefused, match="at most 100 are read"):
        read_state_file(Path("w.safetensors"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([1, 2], "holds a list, no state dict"),
        ({}, "holds a dict, no state dict"),
        (torch.ones(3), "holds a Tensor, no state dict"),
        ({"epoch": 3, **STATE}, "'epoch' is a int, not a tensor"),
        ({3: torch.ones(1)}, "3 is a Tensor, not a tensor"),
    ],
)
def test_what_is_no_state_dict_is_named(content: object, says: str) -> None:
    torch.save(content, "w.pth")
    with pytest.raises(WeightsRefused, match=says.replace("(", r"\(")):
        read_state_file(Path("w.pth"))


def test_a_torchscript_archive_is_refused() -> None:
    scripted = torch.jit.trace(torch.nn.Conv2d(1, 1, 1), torch.zeros(1, 1, 2, 2))
    torch.jit.save(scripted, "w.pt")
    with pytest.raises(WeightsRefused):
        read_state_file(Path("w.pt"))


def test_a_missing_file_and_a_strange_suffix_are_wrong_usage() -> None:
    with pytest.raises(UsageError, match="there is no such file"):
        read_state_file(Path("none.pth"))
    Path("w.onnx").touch()
    with pytest.raises(UsageError, match=r"auto, pretrained, random, or a file ending in"):
        read_state_file(Path("w.onnx"))
    Path("d.pth").mkdir()
    with pytest.raises(UsageError, match="there is no such file"):
        read_state_file(Path("d.pth"))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".legacy.pth"])
def test_no_damage_gets_past_as_anything_but_a_refusal(suffix: str) -> None:
    path = Path("w" + suffix)
    if suffix == ".safetensors":
        save_file(STATE, path)
    else:
        torch.save(STATE, path, _use_new_zipfile_serialization=suffix == ".pth")
    whole = path.read_bytes()
    chance = random.Random(5)
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged)
        try:
            read_state_file(path)
        except EdgeconvError:
            continue


@pytest.mark.parametrize(
    "make", [torch.jit.script, lambda net: torch.jit.trace(net, torch.ones(1, 2))]
)
def test_a_torchscript_program_is_told_from_weights(make) -> None:
    torch.jit.save(make(torch.nn.Linear(2, 3)), "net.pt")
    with pytest.raises(WeightsRefused, match=r"TorchScript program.*state_dict") as caught:
        read_state_file(Path("net.pt"))
    advice = str(caught.value).partition("alone: ")[2]
    exec(advice)  # what the message tells to do
    assert set(read_state_file(Path("weights.pth")).tensors) == {"weight", "bias"}


def test_names_that_compiling_left_are_those_of_the_net() -> None:
    torch.save(
        {"_orig_mod.conv.weight": STATE["conv.weight"], "_orig_mod.conv.bias": STATE["conv.bias"]},
        "weights.pth",
    )
    assert set(read_state_file(Path("weights.pth")).tensors) == set(STATE)
