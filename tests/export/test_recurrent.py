"""Recurrent layers and cells of every form: both float files give PyTorch's values."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edgeconv.errors import NetRefused, UnsupportedOperator
from edgeconv.export.capture.hub import capture
from tests.export.tflite import engines
from tests.helpers.hub import run_hub
from tests.helpers.tflite_bytes import tflite_bytes

SHAPE = (1, 3, 8, 12)


class Reader(nn.Module):
    """Columns of an image as a sequence of 12 steps, 6 values each."""

    def __init__(self, layer: nn.Module, read) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.layer, self.read = layer, read

    def forward(self, x: Tensor) -> object:
        return self.read(self.layer, self.stem(x).mean(2).transpose(1, 2))


def by_cells(cell: nn.Module, x: Tensor) -> Tensor:
    state, given = None, []
    for step in x.unbind(1):
        state = cell(step, state)
        given.append(state[0] if isinstance(state, tuple) else state)
    return torch.stack(given, 1)


def from_a_state(layer: nn.LSTM, x: Tensor) -> Tensor:
    hidden = x[:, :1].repeat(1, 1, 2)[:, :, :9].transpose(0, 1)
    return layer(x, (hidden, hidden.tanh()))[0]


def everything(layer: nn.Module, x: Tensor) -> Tensor:
    """Outputs and last states, put together."""
    given, last = layer(x if layer.batch_first else x.transpose(0, 1))
    ends = last if isinstance(last, tuple) else (last,)
    return torch.cat([given.flatten(), *(end.flatten() for end in ends)])[None]


def layers() -> dict[str, Reader]:
    draw = random.Random(7)
    found = {}
    for number in range(12):
        kind = draw.choice([nn.LSTM, nn.GRU, nn.RNN])
        options = {name: draw.random() < 0.5 for name in ("bias", "batch_first", "bidirectional")}
        options |= {"num_layers": draw.choice([1, 2])}
        if kind is nn.RNN:
            options["nonlinearity"] = draw.choice(["tanh", "relu"])
        if kind is nn.LSTM:
            options["proj_size"] = draw.choice([0, 4])
        torch.manual_seed(number)
        found[f"{number}: {kind.__name__} {options}"] = Reader(kind(6, 9, **options), everything)
    return found


NETS = {
    **layers(),
    "LSTM from a computed state": Reader(nn.LSTM(6, 9, batch_first=True), from_a_state),
    "LSTMCell": Reader(nn.LSTMCell(6, 9), by_cells),
    "GRUCell": Reader(nn.GRUCell(6, 9), by_cells),
    "RNNCell": Reader(nn.RNNCell(6, 9), by_cells),
}


@pytest.mark.parametrize("name", NETS)
def test_files_give_pytorchs_values(name: str) -> None:
    net = NETS[name].eval()
    x = torch.randn(SHAPE, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        wanted = net.double()(x.double()).numpy()
    hub = capture(net.float(), torch.zeros(SHAPE), name="net")
    feed = {"input": x.numpy()}
    assert np.abs(run_hub(hub, feed["input"])["logits"] - wanted).max() < 2e-6
    given = engines.run(engines.xnnpack, tflite_bytes(hub), feed)["logits"]
    assert np.abs(given - wanted).max() < 2e-6


def test_a_file_keeps_nothing_from_one_photo_to_the_next() -> None:
    hub = capture(Reader(nn.LSTM(6, 9), everything).eval(), torch.zeros(SHAPE), name="net")
    session = engines.xnnpack(tflite_bytes(hub))
    entry, exit_ = session.get_input_details()[0], session.get_output_details()[0]
    session.allocate_tensors()
    made = []
    for value in (0.5, -2.0, 0.5):
        session.set_tensor(entry["index"], np.full(entry["shape"], value, np.float32))
        session.invoke()
        made.append(session.get_tensor(exit_["index"]))
    assert np.array_equal(made[0], made[2])


def test_a_projected_state_of_its_own_is_refused() -> None:
    def read(layer: nn.LSTM, x: Tensor) -> Tensor:
        return layer(x, (torch.ones(1, 1, 4), torch.ones(1, 1, 9)))[0]

    with pytest.raises(NetRefused, match="proj_size begins with a hidden state of its own"):
        capture(
            Reader(nn.LSTM(6, 9, batch_first=True, proj_size=4), read), torch.zeros(SHAPE), name="n"
        )


def test_a_sequence_too_long_to_write_out_is_refused_with_the_way_out() -> None:
    hub = capture(
        Reader(nn.GRU(6, 4, bidirectional=True), everything), torch.zeros(1, 3, 2, 300), name="net"
    )
    with pytest.raises(UnsupportedOperator, match=r"600 steps.*shorten the sequence"):
        tflite_bytes(hub)
