"""Trains the nets of `hard/`, on which int8 is hard: seeded, on one core, some minutes each.

    python benchmarks/train_hard.py [--net NAME] [--out DIR] [--trained DIR]

The task is `_hard.py`'s: which part of which photograph does a crop show? Many classes that look
alike make small margins; no weight decay lets weights and activations grow as they like.

After training, the scales of BatchNorm are spread: channel c of its output is multiplied by
exp(spread * n[c]), n normal, and the weights that read the channel are divided by the same, which
leaves the net's function as it is (`spread` says where). With spread 1.15 the middle 95 % of
BatchNorm scales lie two orders of magnitude apart, as they do in published weights.

Matrices and kernels are stored in float16, everything else in float32.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import _hard
import numpy as np
import torch
from _process import ROOT
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

sys.path.insert(0, str(ROOT))

from edgeconv.data.preprocessing import Preprocessing, normalize_batch
from edgeconv.nets.registry import find
from edgeconv.nets.shufflenet_v2 import ShuffleNetV2
from edgeconv.nets.spec import OptionValue

BATCH = 64
PREPROCESSING = Preprocessing(input_size=(_hard.SIDE, _hard.SIDE), resize=_hard.SIDE)


@dataclass(frozen=True)
class Case:
    """How one net is trained.

    Attributes:
        net: its name in the registry.
        steps: of Adam in a cycle, one batch each.
        cycles: of the learning rate, each with a fresh optimizer.
        rate: highest learning rate of a cycle.
        spread: standard deviation of the logarithm of the factors on channels.
        options: of the definition.
        images: that the net sees, over and over.
    """

    net: str
    steps: int
    cycles: int
    rate: float
    spread: float = 0.0
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    images: int = 12_000


@dataclass(frozen=True)
class Link:
    """A tensor whose channels may be scaled at will: nothing on its way minds a positive factor.

    Attributes:
        writers: the BatchNorms whose sum it is.
        readers: the convolutions that read it.
    """

    writers: Sequence[nn.BatchNorm2d]
    readers: Sequence[nn.Conv2d]


CASES = (
    Case("mobilenet_v3_small", 800, 1, 3e-3, spread=0.7, options={"width": 0.5}),
    Case("shufflenet_v2_x0_5", 800, 2, 3e-3, spread=0.85),
    Case("efficientnet_b0", 1500, 2, 3e-3, spread=1.0, options={"width": 0.35}, images=36_000),
)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--net", choices=[case.net for case in CASES], help="only this one")
    parser.add_argument("--out", type=Path, default=_hard.FOLDER)
    parser.add_argument(
        "--keep", type=Path, help="keep each net after each cycle, before the spread"
    )
    parser.add_argument("--trained", type=Path, help="go on with the nets that --keep kept")
    parser.add_argument("--cycles", type=int, default=99, help="that those nets have had (all)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for case in CASES:
        if options.net not in (None, case.net):
            continue
        module, done = build(case), 0
        if options.trained:
            module.load_state_dict(load_file(options.trained / f"{case.net}.safetensors"))
            done = options.cycles
        for cycle in range(done, case.cycles):
            train(module, case, cycle)
            if options.keep:
                save_file(module.state_dict(), options.keep / f"{case.net}.safetensors")
        spread(module.eval(), case.spread)
        save(module, case, options.out)
    return 0


def build(case: Case) -> nn.Module:
    """The net with seeded values."""
    torch.manual_seed(0)
    spec = find(case.net)
    module = spec.build(len(_hard.tiles()), spec.resolve_options(case.options))
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):  # untrained ones may damp their branch
            nn.init.ones_(layer.weight)
    return module


def train(module: nn.Module, case: Case, cycle: int) -> None:
    """Trains a net for one cycle: Adam without weight decay."""
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if cycle:
        torch.manual_seed(cycle)
    _cycle(module.train(), case, cycle)
    module.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]


def _cycle(module: nn.Module, case: Case, cycle: int) -> None:
    """The learning rate goes up for a fifth of the steps, then down to nothing."""
    images, labels = pool(_hard.TRAINING_SEED, case.images)
    optimizer = torch.optim.Adam(module.parameters(), lr=case.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, case.rate, total_steps=case.steps, pct_start=0.2
    )
    running = 0.0
    for step, chosen in zip(range(1, case.steps + 1), batches(len(images), cycle), strict=False):
        loss = functional.cross_entropy(module(batch(images[chosen])), labels[chosen])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        running += loss.item() / 100
        if step % 100 == 0:
            print(f"{case.net}: cycle {cycle}, step {step}, loss {running:.3f}", flush=True)
            running = 0.0


@lru_cache(maxsize=2)
def pool(seed: int, count: int) -> tuple[NDArray[np.uint8], Tensor]:
    """Images (count, SIDE, SIDE, 3) and their classes."""
    pixels, labels = zip(*_hard.images(seed, count), strict=True)
    return np.stack(pixels), torch.tensor(labels)


def batches(count: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Indices of one batch after the other, every image once before any comes again."""
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(count)
        yield from (order[start : start + BATCH] for start in range(0, count - BATCH + 1, BATCH))


def batch(pixels: NDArray[np.uint8]) -> Tensor:
    """The net's input of some images."""
    inputs = torch.from_numpy(normalize_batch(pixels, PREPROCESSING))
    return inputs.to(memory_format=torch.channels_last)


def accuracy(module: nn.Module) -> float:
    """Share of the tuning images that the net gets right."""
    images, labels = pool(_hard.TUNING_SEED, _hard.TEST_COUNT)
    with torch.inference_mode():
        found = torch.cat([module(batch(part)).argmax(1) for part in np.array_split(images, 10)])
    return float((found == labels).float().mean())


def spread(module: nn.Module, deviation: float) -> None:
    """Spreads BatchNorm's scales; the net's function stays what it is."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for link in links(module):
            channels = link.writers[0].num_features
            factors = torch.exp(deviation * torch.randn(channels, generator=generator))
            for norm in link.writers:
                norm.weight.mul_(factors)
                norm.bias.mul_(factors)
            for reader in link.readers:
                shape = (-1, 1, 1, 1) if reader.groups == channels else (1, -1, 1, 1)
                reader.weight.div_(factors.reshape(shape))


def links(module: Any) -> Iterator[Link]:
    """Every link of a net that this file trains."""
    if isinstance(module, ShuffleNetV2):
        for part in module.modules():
            if isinstance(part, nn.Sequential):
                yield from _in_a_row([layer for layer in part if not isinstance(layer, nn.ReLU)])
    else:
        yield from _streams(module)


def _in_a_row(layers: Sequence[nn.Module]) -> Iterator[Link]:
    """BatchNorms that a convolution follows, with nothing or a ReLU between."""
    for norm, conv in pairwise(layers):
        if isinstance(norm, nn.BatchNorm2d) and isinstance(conv, nn.Conv2d):
            yield Link([norm], [conv])


def _streams(module: Any) -> Iterator[Link]:
    """What each run of residual blocks adds up to, and who reads it; but for the stem's, a swish's.

    A block that does not add its input ends one run and begins the next.
    """
    blocks = [part for part in module.modules() if hasattr(part, "residual")]
    writers: list[nn.BatchNorm2d] = []
    readers: list[nn.Conv2d] = []
    for number, block in enumerate([*blocks, module.features[-1]]):
        convs = [part for part in block.modules() if isinstance(part, nn.Conv2d)]
        norms = [part for part in block.modules() if isinstance(part, nn.BatchNorm2d)]
        readers.append(convs[0])
        if number == len(blocks) or not block.residual:
            if writers:
                yield Link(writers, readers)
            writers, readers = [], []
        elif not writers:
            continue
        writers.append(norms[-1])


def save(module: nn.Module, case: Case, out: Path) -> None:
    """Writes the weights with everything that `load_net` needs, and prints how good they are."""
    tensors = {
        name: value.half() if value.dim() > 1 else value
        for name, value in module.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    metadata = {
        "net": case.net,
        "net_options": json.dumps(dict(case.options)),
        "input_size": json.dumps(_hard.SIDE),
        "resize": json.dumps(_hard.SIDE),
        "mean": json.dumps(PREPROCESSING.mean),
        "std": json.dumps(PREPROCESSING.std),
        "interpolation": PREPROCESSING.interpolation,
        "labels": json.dumps([tile.name for tile in _hard.tiles()]),
        "source": f"benchmarks/train_hard.py --net {case.net}",
    }
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{case.net}.safetensors"
    save_file({name: value.contiguous() for name, value in tensors.items()}, path, metadata)
    module.load_state_dict({k: v.float() for k, v in tensors.items()}, strict=False)
    share = accuracy(module.eval())
    print(
        f"{path}: top-1 {share:.1%} of {_hard.TEST_COUNT} tuning images of {len(_hard.tiles())} "
        f"classes, {path.stat().st_size / 1e6:.2f} MB"
    )


if __name__ == "__main__":
    sys.exit(main())
