"""TorchScript, as a whole net or inside of one, gives the graph of the module it was made from."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgeconv.errors import NetRefused
from edgeconv.export.capture.hub import capture
from edgeconv.graph.view import title_of
from edgeconv.nets.plain import unwrapped
from edgeconv.nets.running import outputs_of
from tests.helpers.hub import operators, run_hub

HERE = Path(__file__).name
SHAPE = (1, 3, 12, 16)


class Loops(nn.Module):
    """Branches and loops by settings and shapes, lists, dicts, tuples, texts, methods."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(3, 6, 3, 2, 1), nn.Conv2d(6, 6, 1)])
        self.norm = nn.GroupNorm(2, 6)
        self.times, self.kind = 3, "nearest"
        self.register_buffer("offset", torch.linspace(0, 1, 6).view(6, 1, 1))

    def sized(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        if height > 4 and self.kind == "nearest":
            return F.interpolate(x, size=[height // 2, width // 2], mode=self.kind)
        raise ValueError(f"{height} is too low")

    def forward(self, x: Tensor, scale: float = 2.0) -> tuple[Tensor, dict[str, Tensor]]:
        for conv in self.convs:
            x = F.relu(conv(x))  # the line a convolution is of
        parts: list[Tensor] = []
        for i in range(self.times):
            if i % 2 == 0:
                parts.append(x * float(i) + self.offset)
            else:
                parts += [self.norm(x)]
        while len(parts) > 2:
            last = parts.pop()
            parts[0] = parts[0] + last
        x = torch.cat(parts, 1)
        if self.training:
            x = F.dropout(x)
        sums = {"mean": x.mean([2, 3]) * scale, "size": x + torch.full_like(x, float(x.numel()))}
        if not torch.jit.is_scripting():
            assert x.dim() == 4
        return self.sized(x), sums


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LSTM(3, 5, batch_first=True, proj_size=2)

    def forward(self, x: Tensor) -> Tensor:
        outputs, (last, cell) = self.layer(x.mean(2).transpose(1, 2))
        return torch.cat([outputs.flatten(1), last[0], cell[0]], 1)


def block() -> nn.Module:
    torch.manual_seed(0)
    layers = (nn.Conv2d(3, 6, 3, 2, 1), nn.BatchNorm2d(6), nn.Hardswish(), nn.MaxPool2d(3, 2, 1))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d((3, 2)), nn.Flatten(), nn.Linear(36, 4))


@torch.jit.script
def repeated(x: Tensor, times: int, factor: float = 0.5) -> Tensor:
    for i in range(times):
        x = x * factor + float(i)  # the line of a function
    return x


class Calls(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Conv2d(3, 4, 1), torch.jit.script(Loops().convs[0]))
        self.inner[0] = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return repeated(self.inner(x), 2)


class Helped(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return repeated(x, 3)


def reloaded(module: nn.Module) -> nn.Module:
    stream = io.BytesIO()
    torch.jit.save(module, stream)
    return torch.jit.load(io.BytesIO(stream.getvalue()))


def script(module: nn.Module) -> nn.Module:
    return torch.jit.script(module.eval())


def traced(module: nn.Module) -> nn.Module:
    return torch.jit.trace(module.eval(), torch.zeros(SHAPE), check_trace=False, strict=False)


def program(module: nn.Module) -> nn.Module:
    return unwrapped(torch.export.export(module, (torch.zeros(SHAPE),)).module())


class Windows(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        patches = nn.functional.unfold(x, [2, 2], padding=[1, 1])
        whole = nn.functional.fold(patches, list(x.shape[2:]), [2, 2], padding=[1, 1])
        return whole, x.unfold(2, 4, 3)


NETS = {
    "windows": lambda: script(Windows()),
    "a program of windows": lambda: program(Windows()),
    "loops": lambda: script(Loops()),
    "in training": lambda: torch.jit.script(Loops().train()),
    "reloaded": lambda: reloaded(script(Loops())),
    "frozen": lambda: torch.jit.freeze(script(Loops())),
    "a trace": lambda: traced(block()),
    "a trace of loops": lambda: traced(Loops()),
    "a reloaded trace": lambda: reloaded(traced(block())),
    "a frozen trace": lambda: torch.jit.freeze(traced(block())),
    "a script inside": lambda: nn.Sequential(nn.Conv2d(3, 3, 1), script(block())),
    "a trace inside": lambda: nn.Sequential(nn.Conv2d(3, 3, 1), traced(block())),
    "recurrent": lambda: script(Recurrent()),
    "a function inside": Calls,
    "a function of the user's": lambda: script(nn.Sequential(Helped(), nn.Conv2d(3, 2, 1))),
}


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("name", NETS)
def test_a_script_gives_what_pytorch_gives(name: str) -> None:
    net = NETS[name]()
    hub = capture(net, torch.zeros(SHAPE), name="net")
    x = torch.randn(SHAPE, generator=torch.Generator().manual_seed(3))
    given = run_hub(hub, x.numpy())
    for found, wanted in zip(given.values(), outputs_of(net.eval(), x, "net"), strict=True):
        assert np.abs(found - wanted.numpy()).max() < 2e-6 * max(1, wanted.abs().max())


def test_a_script_has_the_graph_of_its_module() -> None:
    for make in (script, traced):
        of_script = capture(make(block()), torch.zeros(SHAPE), name="net")
        of_module = capture(block().eval(), torch.zeros(SHAPE), name="net")
        assert operators(of_script) == operators(of_module)
        assert [n.name for n in of_script.graph] == [n.name for n in of_module.graph]
        assert list(of_script.graph.initializers) == list(of_module.graph.initializers)


def test_nodes_know_their_lines() -> None:
    lines = Path(__file__).read_text().splitlines()
    convolution, function = (
        1 + next(i for i, line in enumerate(lines) if said in line and "#" in line)
        for said in ("the line a convolution is of", "the line of a function")
    )
    titles = [title_of(n) for n in capture(script(Loops()), torch.zeros(SHAPE), name="n").graph]
    assert any(t.endswith(f"{HERE}:{convolution}") and "convs.1" in t for t in titles)
    titles = [title_of(n) for n in capture(Calls(), torch.zeros(SHAPE), name="n").graph]
    assert any(t.endswith(f"{HERE}:{function}") for t in titles)


class Decides(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if bool(x.mean() > 0):  # the line that decides
            return x
        return -x


def test_what_a_script_decides_by_values_is_refused_with_its_line() -> None:
    lines = Path(__file__).read_text().splitlines()
    number = 1 + next(i for i, line in enumerate(lines) if "the line that decides" in line)
    with pytest.raises(NetRefused, match=rf"Python truth value at .*{HERE}:{number};"):
        capture(script(Decides()), torch.zeros(SHAPE), name="net")


def test_a_net_is_as_it_was_afterwards() -> None:
    inner = script(block())
    net = nn.Sequential(inner).train()
    capture(net, torch.zeros(SHAPE), name="net")
    assert net[0] is inner
    assert repeated(torch.ones(1), 1).item() == 0.5


def test_what_is_no_longer_torchs_is_refused_with_the_way_out() -> None:
    frozen = torch.jit.optimize_for_inference(script(block()))
    with pytest.raises(NetRefused, match=re.escape("build the net from the nn.Module itself")):
        capture(frozen, torch.zeros(SHAPE), name="net")
