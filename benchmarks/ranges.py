"""Which way of choosing int8 parameters measures best?

    python benchmarks/ranges.py [--net mobilenet_v2,mobilenet_v1,squeezenet1_1] [--data DIR]
                                [--folds 4] [--way WAYS] [--json FILE]

Cross-validates on the calibration photos alone (DIR/photos/calibration, weights in DIR/weights): a
plan is made from all photos but one fold and judged on that fold, against the float net. The hard
nets (`_hard.py`) have images drawn for tuning instead, which no test looks at. Prints for
each way the logits' signal-to-noise ratio over all photos, its median over photos, the share of
photos whose top-1 stays, and the processor time that a plan takes. Everything runs on onnxruntime
with graph optimizations off, so that no processor's int8 kernels can saturate.

    min-max, percentile, mse      activation ranges; weights min-max, no repair
    mse + mse weights             weight scales that minimize each row's squared error
    mse + bias                    and the mean error of integer weights taken out of the biases
    mse + equalization            and channels equalized, no bias correction
    --recipe fast, default, ...   what `export --int8` does
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import _hard
import numpy as np
import torch
from _data import WEIGHTS_FILE, net_of, root
from _process import ROOT
from numpy.typing import NDArray

sys.path.insert(0, str(ROOT))

from edgeconv.data.decode import stream
from edgeconv.data.folders import list_images
from edgeconv.data.preprocessing import Preprocessing, normalize
from edgeconv.export.capture.hub import capture
from edgeconv.export.onnx import write as onnx_writer
from edgeconv.nets.load import load_net
from edgeconv.quantize.plan.planner import PlanConfig
from edgeconv.quantize.recipe.recipes import RECIPES, Recipe, quantize
from edgeconv.quantize.recipe.steps import CORRECT_BIASES, EQUALIZE
from edgeconv.quantize.repair.ends import ends_of
from edgeconv.runtime.open import open_session
from edgeconv.runtime.session import SessionOptions

Photos = list[NDArray[np.float32]]

#: Images of a hard net.
HARD_IMAGES = 512
#: No step at all, and the two that gain most, unjudged.
BARE = Recipe("bare", (), 0, measured=False)
REPAIRED = Recipe("repaired", (CORRECT_BIASES, EQUALIZE), 32, measured=False)

WAYS: dict[str, tuple[PlanConfig, Recipe]] = {
    "min-max": (PlanConfig(ranges="minmax"), BARE),
    "percentile": (PlanConfig(ranges="percentile"), BARE),
    "mse": (PlanConfig(ranges="mse"), BARE),
    "mse + bias": (PlanConfig(ranges="mse", bias_correction=True), BARE),
    "mse + equalization": (PlanConfig(), Recipe("equalized", (EQUALIZE,), 32, measured=False)),
    "percentile + bias + equalization": (PlanConfig(ranges="percentile"), REPAIRED),
    "mse + bias + equalization": (PlanConfig(), REPAIRED),
    **{f"--recipe {name}": (PlanConfig(), recipe) for name, recipe in RECIPES.items()},
}


@dataclass(frozen=True)
class Row:
    """One way on one net."""

    net: str
    way: str
    sqnr_db: float
    median_db: float
    agreement: float
    plan_cpu_s: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", default=",".join(WEIGHTS_FILE))
    parser.add_argument("--data", type=Path, default=root())
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--way", default=",".join(WAYS), help="which of the ways, comma-separated")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    print(f"{'net':14} {'way':31} {'SQNR':>6} {'median':>7} {'agree':>6} {'plan':>6}")
    for net in options.net.split(","):
        for row in measure(net, options.data, options.folds, options.way.split(",")):
            rows.append(row)
            print(
                f"{row.net:14} {row.way:31} {row.sqnr_db:6.2f} {row.median_db:7.2f} "
                f"{row.agreement:6.1%} {row.plan_cpu_s:5.1f}s",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return 0


def measure(name: str, data: Path, folds: int, ways: list[str]) -> Iterator[Row]:
    """Some ways on one net."""
    is_hard = name in _hard.NETS
    weights = _hard.weights(name) if is_hard else data / "weights" / WEIGHTS_FILE[name]
    net = load_net(net_of(name), weights=str(weights))
    height, width = net.preprocessing.input_size
    model = capture(net.module, torch.zeros(1, 3, height, width), name=net.name)
    pixels = _hard_images() if is_hard else _photographs(data, net.preprocessing)
    photos = [normalize(p, net.preprocessing)[None] for p in pixels]
    reference = run(lambda path: onnx_writer.write(model, path), photos)
    ends = ends_of(net.preprocessing, is_classifier=net.labels is not None)
    for way in ways:
        config, recipe = WAYS[way]
        planned_s = 0.0
        logits = np.empty_like(reference)
        for fold in range(folds):
            kept = [photo for i, photo in enumerate(photos) if i % folds != fold]
            start = time.process_time()
            done = quantize(model, partial(iter, kept), config, ends=ends, recipe=recipe)
            planned_s += time.process_time() - start

            def write(path: Path, done=done) -> None:  # type: ignore[no-untyped-def]
                onnx_writer.write(done.model, path, "int8", done.plan, io="float32")

            logits[fold::folds] = run(write, photos[fold::folds])
        yield judge(name, way, reference, logits, planned_s / folds)


def _photographs(data: Path, pre: Preprocessing) -> Iterator[NDArray[np.uint8]]:
    return stream(list_images(data / "photos" / "calibration"), pre)


def _hard_images() -> Iterator[NDArray[np.uint8]]:
    return (pixels for pixels, _ in _hard.images(_hard.TUNING_SEED, HARD_IMAGES))


def run(write: Callable[[Path], None], photos: Photos) -> NDArray[np.float32]:
    """Logits of the ONNX file that `write` writes, (photos, classes)."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "model.onnx"
        write(path)
        threads = os.cpu_count() or 1
        session = open_session(path, SessionOptions(threads=threads, kernels="reference"))
        return np.concatenate([session.run([photo])[0].reshape(1, -1) for photo in photos])


def judge(
    net: str,
    way: str,
    reference: NDArray[np.float32],
    logits: NDArray[np.float32],
    plan_cpu_s: float,
) -> Row:
    noise = ((reference - logits) ** 2).sum(axis=1)
    signal = (reference**2).sum(axis=1)
    return Row(
        net,
        way,
        float(10 * np.log10(signal.sum() / noise.sum())),
        float(np.median(10 * np.log10(signal / noise))),
        float((reference.argmax(axis=1) == logits.argmax(axis=1)).mean()),
        plan_cpu_s,
    )


if __name__ == "__main__":
    sys.exit(main())
