"""One-dimensional and recurrent nets on what an image's columns or cells give."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from idioms.net import Factory, idiom, linear, parameter, stem

_SIZE = (32, 64)


def _columns(s: Any, x: torch.Tensor) -> torch.Tensor:
    """(N, T, C): the mean of each column."""
    return s.f(x).mean(2).transpose(1, 2)


def _recurrent(make: Any, outputs: int = 12) -> Factory:
    return idiom(
        lambda s, x: s.fc(s.r(_columns(s, x))[0]),
        _SIZE,
        f=stem(8, 4),
        r=make,
        fc=linear(outputs, 5),
    )


def _one_dimensional(forward: Any, **parts: Any) -> Factory:
    return idiom(lambda s, x: forward(s, s.f(x).mean(2)), _SIZE, f=stem(8), **parts)


def _crnn(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = F.max_pool2d(s.f(x), (2, 1))
    y = y.permute(3, 0, 1, 2).flatten(2)
    return F.log_softmax(s.fc(s.r(y)[0]), -1)


def _cells(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = _columns(s, x)
    h = torch.zeros(y.shape[0], 12)
    for step in range(y.shape[1]):
        h = s.r(y[:, step], h)
    return s.fc(h)


def _lstm_cells(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = _columns(s, x)
    state = (torch.zeros(y.shape[0], 12), torch.zeros(y.shape[0], 12))
    seen = []
    for part in y.unbind(1):
        state = s.r(part, state)
        seen.append(state[0])
    return s.fc(torch.stack(seen, 1))


def _wavenet(s: Any, y: torch.Tensor) -> torch.Tensor:
    for layer, dilation in ((s.a, 1), (s.b, 2)):
        both = layer(F.pad(y, (2 * dilation, 0)))
        y = y + torch.tanh(both[:, :8]) * torch.sigmoid(both[:, 8:])
    return y


def _conv_lstm(s: Any, x: torch.Tensor) -> torch.Tensor:
    h = c = torch.zeros(x.shape[0], 6, 16, 16)
    for part in s.f(x).chunk(2, 1):
        i, f, o, g = s.k(torch.cat([part, h], 1)).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
    return h


def _scan(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = _columns(s, x)
    gate, values = s.fc(y).sigmoid(), s.fc2(y)
    decay = torch.cumsum(torch.log(gate + 1e-4), 1)
    return torch.exp(decay) * torch.cumsum(values * torch.exp(-decay), 1)


IDIOMS = {
    "lstm": _recurrent(lambda: nn.LSTM(8, 12, batch_first=True)),
    "lstm_bidirectional": _recurrent(
        lambda: nn.LSTM(8, 12, batch_first=True, bidirectional=True), 24
    ),
    "lstm_two_layers": _recurrent(lambda: nn.LSTM(8, 12, 2, batch_first=True)),
    "gru": _recurrent(lambda: nn.GRU(8, 12, batch_first=True)),
    "gru_bidirectional": _recurrent(
        lambda: nn.GRU(8, 12, batch_first=True, bidirectional=True), 24
    ),
    "rnn_tanh": _recurrent(lambda: nn.RNN(8, 12, batch_first=True)),
    "lstm_last_state": idiom(
        lambda s, x: s.fc(s.r(_columns(s, x))[1][0][-1]),
        _SIZE,
        f=stem(8, 4),
        r=lambda: nn.LSTM(8, 12, batch_first=True),
        fc=linear(12, 5),
    ),
    "gru_cells": idiom(_cells, _SIZE, f=stem(8, 4), r=lambda: nn.GRUCell(8, 12), fc=linear(12, 5)),
    "lstm_cells": idiom(
        _lstm_cells, _SIZE, f=stem(8, 4), r=lambda: nn.LSTMCell(8, 12), fc=linear(12, 5)
    ),
    "crnn": idiom(
        _crnn, _SIZE, f=stem(8, 4), r=lambda: nn.LSTM(32, 16, bidirectional=True), fc=linear(32, 11)
    ),
    "conv_lstm": idiom(_conv_lstm, f=stem(8), k=lambda: nn.Conv2d(10, 24, 3, padding=1)),
    "temporal_convolutions": _one_dimensional(
        lambda s, y: s.b(F.relu(s.n(s.a(F.pad(y, (4, 0)))))),
        a=lambda: nn.Conv1d(8, 8, 3, dilation=2),
        n=lambda: nn.BatchNorm1d(8),
        b=lambda: nn.Conv1d(8, 4, 1),
    ),
    "wavenet": _one_dimensional(
        _wavenet, a=lambda: nn.Conv1d(8, 16, 3), b=lambda: nn.Conv1d(8, 16, 3, dilation=2)
    ),
    "max_pool_1d": _one_dimensional(
        lambda s, y: s.b(F.max_pool1d(y, 3, 2, 1)), b=lambda: nn.Conv1d(8, 4, 3)
    ),
    "average_pool_1d": _one_dimensional(
        lambda s, y: s.b(F.avg_pool1d(y, 4, 2)), b=lambda: nn.Conv1d(8, 4, 3)
    ),
    "adaptive_pool_1d": _one_dimensional(
        lambda _, y: F.adaptive_avg_pool1d(y, 5) + F.adaptive_max_pool1d(y, 5)
    ),
    "transposed_1d": _one_dimensional(
        lambda s, y: s.t(y), t=lambda: nn.ConvTranspose1d(8, 4, 4, 2, 1)
    ),
    "interpolate_1d": _one_dimensional(
        lambda s, y: s.b(F.interpolate(y, scale_factor=2, mode="linear")),
        b=lambda: nn.Conv1d(8, 4, 3),
    ),
    "nearest_1d": _one_dimensional(lambda _, y: F.interpolate(y, size=45, mode="nearest")),
    "depthwise_1d": _one_dimensional(
        lambda s, y: s.b(s.a(y)),
        a=lambda: nn.Conv1d(8, 8, 5, padding=2, groups=8),
        b=lambda: nn.Conv1d(8, 4, 1),
    ),
    "conformer_conv": _one_dimensional(
        lambda s, y: s.b(F.silu(s.n(s.a(F.glu(s.p(y), 1))))),
        p=lambda: nn.Conv1d(8, 16, 1),
        a=lambda: nn.Conv1d(8, 8, 7, padding=3, groups=8),
        n=lambda: nn.BatchNorm1d(8),
        b=lambda: nn.Conv1d(8, 4, 1),
    ),
    "self_attention_columns": idiom(
        lambda s, x: s.e(_columns(s, x) + s.place),
        _SIZE,
        f=stem(8, 4),
        place=parameter(1, 16, 8),
        e=lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
    ),
    "gated_scan": idiom(_scan, _SIZE, f=stem(8, 4), fc=linear(8, 8), fc2=linear(8, 8)),
    "fourier_mixing": idiom(lambda s, x: torch.fft.fft2(_columns(s, x)).real, _SIZE, f=stem(8, 4)),
}
