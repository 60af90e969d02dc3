"""Random small modules, odd and broken ones among them: each is exported or refused in words.

`pytest --fuzz N` tries N of them. What the files compute is judged by parity as in any export.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.fuzzing import check_promises
from tests.helpers.machines.command_server import CommandServer

#: What a line of forward may do with `x`, of any shape that came before.
LINES = (
    "x = self.conv(x)",
    "x = self.conv(x) + self.conv(x)",
    "x = F.relu(x)",
    "x = self.bn(x)",
    "x = x.mean((2, 3))",
    "x = x.mean((2, 3), keepdim=True)",
    "x = x.mean()",
    "x = x.flatten(1)",
    "x = x[:, :, ::2, ::2]",
    "x = x[:, 0]",
    "x = x[..., None]",
    "x = x[:, :0]",
    "x = x.unsqueeze(0)",
    "x = x.squeeze()",
    "x = x.permute(0, 2, 3, 1)",
    "x = x.reshape(1, -1)",
    "x = x.reshape(2, -1)",
    "x = x.view(x.shape[0], 2, -1, 3, x.shape[-1])",
    "x = torch.cat([x, x * 2], 1)",
    "x = torch.stack([x, x], 1)",
    "x, _ = x.split(2, 1) if x.shape[1] > 2 else (x, x)",
    "x = x.topk(2, 1)[0]",
    "x = x.argmax(1)",
    "x = x > 0",
    "x = x.int()",
    "x = x.long() % 3",
    "x = x.double()",
    "x = x.half()",
    "x = x.to(torch.complex64)",
    "x = torch.fft.fft(x)",
    "x = x.sort(1)[0]",
    "x = x.cumsum(1)",
    "x = x / 0",
    "x = x * float('nan')",
    "x = torch.log(x - 100)",
    "x = x.exp().exp().exp()",
    "x = torch.where(x > 0, x, -x)",
    "x = x.masked_fill(x < 0, float('-inf'))",
    "x = x if x.sum() > 0 else -x",
    "x = x * int(x.shape[1])",
    "x = x[x > 0]",
    "x = x.nonzero()",
    "x = x.item()",
    "x = torch.rand_like(x)",
    "x = F.dropout(x, 0.5, True)",
    "x = F.interpolate(x, scale_factor=2)",
    "x = F.interpolate(x, size=(5, 7), mode='bilinear')",
    "x = F.interpolate(x, scale_factor=2, mode='bicubic')",
    "x = F.max_pool2d(x, 3, 2, ceil_mode=True)",
    "x = F.avg_pool2d(x, 2, divisor_override=3)",
    "x = F.pad(x, (1, 2, 3, 4), mode='reflect')",
    "x = F.pad(x, (-1, 0, 0, 1))",
    "x = F.grid_sample(x, torch.zeros(1, 4, 4, 2))",
    "x = F.unfold(x, 2)",
    "x = F.softmax(x, -1)",
    "x = torch.einsum('nchw,ncHW->nhH', x, x)",
    "x = x @ x.transpose(-1, -2)",
    "x = x.clone().add_(1)",
    "x = x.add_(1)",
    "x[:, 0] = 0",
    "x = self.linear(x)",
    "x = self.nothing(x)",
    "x = x.numpy()",
    "x = torch.from_numpy(x.detach().numpy())",
    "for _ in range(int(x.abs().sum()) % 3): x = x + 1",
    "x = {'a': x, 'b b': x + 1, 'ü/.': x}",
    "x = (x, x)",
    "x = [x, (x, [x])]",
    "x = (x, None)",
    "x = (x, 3)",
    "x = None",
    "x = 'words'",
    "x = []",
    "x = x.shape",
    "x = x.to_sparse()",
    "x = x.cuda()",
    "x = x.to('meta')",
    "raise ValueError('of the net')",
    "raise Speechless()",
    "raise Rootless()",
    "raise MemoryError()",
    "raise RecursionError('of the net')",
    "raise StopIteration()",
    "raise GeneratorExit()",
    "raise EOFError()",
    "raise BrokenPipeError(32, 'of the net')",
    "raise OSError(28, 'No space left on device')",
    "raise SystemExit(0)",
    "raise SystemExit('of the net')",
    "exit()",
    "assert False",
    "return self.forward(x)",
    "open('/nonexistent/file')",
)
COMMON = LINES[:20]
#: What a factory may do to the net it made.
AFTERWARDS = (
    *("pass",) * 12,
    "net.conv.weight[:] = float('nan')",
    "net.conv.weight[:] = 0",
    "net.conv.weight *= 1e30",
    "net.bn.running_var[:] = -1",
    "net.bn.running_var[:] = float('inf')",
    "net = net.half()",
    "net = net.double()",
    "net = nn.Sequential(net, nn.Identity())",
    "net = torch.jit.script(net)",
    "net = torch.compile(net, backend='eager')",
    "net = net.forward",
    "net = None",
    "net.preprocessing = 3",
    "net.preprocessing = {'input_size': 'large'}",
    "net.preprocessing = {'input_size': (0, 16)}",
    "net.labels = ['a', 'b']",
    "net.labels = ['\\udcff'] * 4",
    "net.labels = 7",
    "net.__class__.__name__ = 'a/b\\\\n'",
    "net.register_parameter('a parameter', nn.Parameter(torch.zeros(0)))",
    "net.register_forward_hook(lambda *_: None)",
    "net.register_forward_hook(lambda m, i, o: (o, o))",
    "raise Rootless('of the factory')",
    "raise SystemExit(0)",
    "exit(1)",
    "os.close(1)",
    "os.chdir('/')",
    "sys.stdout = None",
    "sys.setrecursionlimit(60)",
    "warnings.simplefilter('error')",
    "del net",
)
NAMES = ("net", "a b", "ünet", "n.e.t", "-net", "n" * 240, "0", "[red]", "%s", "class", "net\nline")
OPTIONS = (
    (),
    (),
    ("--int8", "--recipe", "fast"),
    ("--int8", "--recipe", "fast", "--io", "uint8"),
    ("--int8", "--recipe", "fast", "--format", "onnx"),
    ("--precision", "float16,int16x8,weight-only-int8,dynamic-int8", "--recipe", "fast"),
    ("--format", "onnx"),
    ("--format", "tflite"),
    ("--batch", "2"),
    ("--features", "conv"),
    ("--features", "linear"),
)

SOURCE = """import os, sys, warnings
import torch
from torch import nn
from torch.nn import functional as F

class Speechless(Exception):
    def __str__(self):
        raise TypeError("no words")

class Rootless(BaseException):
    pass

class Net(nn.Module):
    preprocessing = {{"input_size": (12, 12), "resize": 12}}

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1, {conv})
        self.bn = nn.BatchNorm2d(3)
        self.linear = nn.Linear({features}, 4)

    def forward(self, x):
        {forward}
        return x

@torch.no_grad()
def build():
    torch.manual_seed(1)
    net = Net()
    {afterwards}
    return net
"""
CONVS = ("", "", "", "groups=3", "dilation=2", "padding_mode='reflect'", "bias=False", "stride=2")


def source_of(rng: random.Random) -> str:
    """A net's file: mostly common lines, then perhaps one of the odd ones."""
    lines = rng.choices(COMMON, k=rng.randrange(4)) + rng.choices(LINES, k=rng.randrange(3))
    return SOURCE.format(
        conv=rng.choice(CONVS),
        features=rng.choice([3, 12, 432]),
        forward="\n        ".join(lines or ["pass"]),
        afterwards=rng.choice(AFTERWARDS),
    )


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandServer]:
    server = CommandServer(tmp_path_factory.mktemp("caches"))
    yield server
    server.stop()


def test_no_net_ends_in_a_traceback(program: CommandServer, tmp_path: Path, fuzz_seed: int) -> None:
    rng = random.Random(fuzz_seed)
    name = rng.choice(NAMES) if rng.random() < 0.2 else "net"
    source = source_of(rng)
    (tmp_path / f"{name}.py").write_text(source)
    words = ["--weights", "random", "--calib-samples", "2", *rng.choice(OPTIONS), "--out", "bundle"]
    done = program.run(tmp_path, "export", f"./{name}.py:build", *words)
    try:
        check_promises(done, tmp_path)
        written = (tmp_path / "bundle" / "manifest.json").is_file()
        # 3 may also be that what was written cannot be told.
        assert written == (done.code in (0, 1)) or done.code == 3, done.err
        if written and fuzz_seed % 3 == 0:
            check_promises(program.run(tmp_path, "parity", "bundle"), tmp_path)
    except AssertionError:
        print(source)
        raise
