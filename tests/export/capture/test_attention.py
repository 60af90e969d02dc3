"""Attention in every spelling, against PyTorch."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.helpers.hub import capture_and_compare, operators, unsettle

SEEN = torch.ones(36, 36, dtype=torch.bool).tril()
ATTENTION = F.scaled_dot_product_attention


class Heads(nn.Module):
    """Queries, keys and values (1, 4, 36, 4) of a convolution, then what is under test."""

    def __init__(self, tail: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.stem, self.tail = nn.Conv2d(3, 48, 2, 2), tail

    def forward(self, x: Tensor) -> Tensor:
        heads = self.stem(x).flatten(2).unflatten(1, (12, 4)).transpose(2, 3)
        return self.tail(*heads.chunk(3, 1))


SPELLINGS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "plain": lambda q, k, v: ATTENTION(q, k, v),
    "scaled": lambda q, k, v: ATTENTION(q, k, v, scale=0.3),
    "causal": lambda q, k, v: ATTENTION(q, k, v, is_causal=True),
    "masked by truth values": lambda q, k, v: ATTENTION(q, k, v, attn_mask=SEEN),
    "masked by numbers": lambda q, k, v: ATTENTION(q, k, v, attn_mask=SEEN * 2.0),
    "rows that see nothing": lambda q, k, v: ATTENTION(q, k, v, attn_mask=SEEN.tril(-1)),
    "fewer keys than queries": lambda q, k, v: ATTENTION(q, k[:, :2], v[:, :2], enable_gqa=True),
    "einsum": lambda q, k, v: torch.einsum(
        "bhij,bhjd->bhid", torch.einsum("bhid,bhjd->bhij", q, k).softmax(-1), v
    ),
    "transposes of matrices": lambda q, k, v: ((q @ k.mT).softmax(-1) @ v).adjoint(),
    "bmm": lambda q, k, v: torch.bmm(q[0], k[0].transpose(1, 2)).softmax(-1) @ v[0],
    "baddbmm": lambda q, k, v: torch.baddbmm(v[0], q[0], (k[0].mT @ v[0]), beta=0.5, alpha=0.1),
}


@pytest.mark.parametrize("tail", SPELLINGS.values(), ids=list(SPELLINGS))
def test_attention_is_captured_as_two_products(tail) -> None:
    found = operators(capture_and_compare(unsettle(Heads(tail))))
    assert found.count("MatMul") == 2
    assert not {"Einsum", "IsNaN", "Where"} & set(found)


def test_a_row_that_sees_nothing_gives_zero() -> None:
    model = Heads(SPELLINGS["rows that see nothing"]).eval()
    with torch.no_grad():
        assert not model(torch.ones(1, 3, 12, 12))[0, :, 0].any()


LAYERS: dict[str, Callable[[], nn.Module]] = {
    "batch first": lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
    "norm first": lambda: nn.TransformerEncoderLayer(
        8, 2, 16, batch_first=True, norm_first=True, activation="gelu"
    ),
    "TransformerEncoder": lambda: nn.TransformerEncoder(
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2
    ),
}


@pytest.mark.parametrize("make", LAYERS.values(), ids=list(LAYERS))
def test_pytorch_s_own_layers_are_captured(make: Callable[[], nn.Module]) -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 2, 2), nn.Flatten(2), _Transposed(), make())
    found = operators(capture_and_compare(unsettle(net)))
    assert found.count("MatMul") == (4 if isinstance(net[3], nn.TransformerEncoder) else 2)


class _Transposed(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2)
