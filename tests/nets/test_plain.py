"""What training leaves around a net is taken off, or refused with the way out."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

from edgeconv.errors import NetRefused
from edgeconv.nets.load import load_net
from edgeconv.nets.plain import fold_parametrizations, unwrapped

X = torch.rand(1, 3, 12, 12)


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Sequential(nn.Conv2d(8, 8, 1))).eval()


def compiled(module: nn.Module) -> nn.Module:
    return torch.compile(module)  # type: ignore[return-value]


def compiled_inside(module: nn.Sequential) -> nn.Module:
    module[2] = torch.compile(nn.DataParallel(module[2]))
    return module


def compiled_in_place(module: nn.Module) -> nn.Module:
    module.compile()
    return module


def compiled_forward(module: nn.Module) -> nn.Module:
    module.forward = torch.compile(module.forward)  # type: ignore[method-assign]
    return module


@pytest.mark.parametrize(
    "wrap", [nn.DataParallel, compiled, compiled_inside, compiled_in_place, compiled_forward]
)
def test_wrappers_are_taken_off(wrap) -> None:
    bare = unwrapped(wrap(net()))
    assert list(bare.state_dict()) == list(net().state_dict())
    assert [type(m) for m in bare.modules()] == [type(m) for m in net().modules()]
    assert torch.equal(torch.jit.trace(bare, X)(X), net()(X))  # a compiled one cannot be traced


@pytest.mark.parametrize(
    "put",
    [parametrizations.weight_norm, parametrizations.spectral_norm, parametrizations.orthogonal],
)
def test_parametrizations_become_the_weights_they_compute(put) -> None:
    module = net()
    put(module[0])
    put(module[2][0])
    expected = copy.deepcopy(module).eval()(X)
    fold_parametrizations(module)
    assert not any(parametrize.is_parametrized(child) for child in module.modules())
    assert set(module.state_dict()) == set(net().state_dict())
    torch.testing.assert_close(module(X), expected, rtol=0, atol=0)


NETS = """
import torch
from torch import nn
import torch.ao.quantization as q
from torch.nn.utils.parametrizations import spectral_norm

def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 1))

def program(): return torch.export.export(net(), (torch.rand(1, 3, 12, 12),))
def program_module(): return program().module()
def half(): return net().half()
def double(): return net().double()
def one_spectral():
    return nn.Sequential(spectral_norm(nn.Conv2d(3, 8, 3)))

def qat():
    made = nn.Sequential(q.QuantStub(), net(), q.DeQuantStub()).train()
    made.qconfig = q.get_default_qat_qconfig("x86")
    return q.prepare_qat(made)

def quantized():
    made = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8, 4)).eval()
    return q.quantize_dynamic(made, {nn.Linear})

def complex():
    made = net()
    made.register_buffer("turn", torch.ones(3, dtype=torch.complex64))
    return made

def sparse():
    made = net()
    made.register_buffer("few", torch.eye(3).to_sparse())
    return made
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "nets.py"
    path.write_text(NETS)
    return path


@pytest.mark.parametrize("name", ["half", "double"])
def test_weights_of_another_type_become_float32_with_a_note(path: Path, name: str) -> None:
    loaded = load_net(f"{path}:{name}")
    assert {p.dtype for p in loaded.module.parameters()} == {torch.float32}
    assert "computes with them in float32" in str(loaded.weights.note)
    assert load_net(f"{path}:net").weights.note is None


@pytest.mark.parametrize("name", ["program", "program_module"])
def test_an_exported_program_is_a_net(path: Path, name: str) -> None:
    module = load_net(f"{path}:{name}").module
    assert not module.training
    torch.testing.assert_close(module(X), load_net(f"{path}:net").module(X))


def test_values_of_a_parametrized_net_are_loaded_before_it_is_folded(path: Path) -> None:
    trained = net()[:1]
    parametrizations.spectral_norm(trained[0])
    nn.init.normal_(trained[0].parametrizations.weight.original, std=2)
    torch.save(trained.train().eval().state_dict(), path.with_name("weights.pth"))
    expected = trained(X)
    loaded = load_net(f"{path}:one_spectral", weights=str(path.with_name("weights.pth")))
    torch.testing.assert_close(loaded.module(X), expected, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("qat", "put there by PyTorch's quantization.*load the trained weights into"),
        ("quantized", "2 is a Linear of PyTorch's quantization.*give that one"),
        ("complex", "turn is torch.complex64"),
        ("sparse", "few is torch.sparse_coo"),
    ],
)
def test_a_net_that_is_no_dense_float_net_is_refused(path: Path, name: str, said: str) -> None:
    with pytest.raises(NetRefused, match=said):
        load_net(f"{path}:{name}")
