"""Does the memory of calibration grow with the number of photos?

    python benchmarks/calibration_memory.py [--net mobilenet_v2] [--weights FILE] [--calib DIR]
                                            [--few 64] [--many 1024] [--limit 1.10]
                                            [--input-size N] [--recipe NAME]

Makes a folder of --many JPEG files, random crops of the calibration photos (past DISTINCT of them
links to the ones before), then plans the net's int8 form from --few of them and from all, each in a
fresh process that does nothing else: decode, run the float graph, keep statistics, plan. Prints
both peaks, their ratio and the rate; exits 1 where the ratio exceeds --limit.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from _data import Subject, add_arguments, subjects
from _process import ROOT, Cost, run

SEED = 0
QUALITY = 90
#: Files that are not links to others.
DISTINCT = 256


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser, "mobilenet_v2")
    parser.add_argument("--few", type=int, default=64)
    parser.add_argument("--many", type=int, default=1024)
    parser.add_argument("--limit", type=float, default=1.10)
    parser.add_argument("--input-size", type=int, help="side in pixels; the net's own by default")
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--plan", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    (subject,) = subjects(options)
    if options.plan is not None:
        plan(subject, options.plan, options.input_size, options.recipe)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        photos = Path(scratch) / "photos"
        make_photos(subject.calib, photos, options.many)
        runs = {n: planned(subject, photos, n, options) for n in (options.few, options.many)}
    ratio = runs[options.many].peak_mib / runs[options.few].peak_mib
    for count, done in runs.items():
        print(f"{count:5d} photos: {done.peak_mib:7.1f} MiB, {done.wall_s:6.1f} s")
    print(f"ratio {ratio:.3f} (limit {options.limit:.2f})")
    return int(ratio > options.limit)


def planned(subject: Subject, photos: Path, count: int, options: argparse.Namespace) -> Cost:
    """A process that plans from `count` photos."""
    command = [sys.executable, Path(__file__).resolve(), "--net", subject.net]
    command += ["--weights", subject.weights, "--calib", photos, "--plan", str(count)]
    command += ["--recipe", options.recipe]
    if options.input_size is not None:
        command += ["--input-size", str(options.input_size)]
    return run(command, photos.parent / f"{count}.log")


def make_photos(source: Path, folder: Path, count: int) -> None:
    """Writes crops of the photos in `source`, and links to them until there are `count` files."""
    folder.mkdir()
    make_crops(source, folder, min(count, DISTINCT))
    for index in range(DISTINCT, count):
        os.link(folder / f"{index % DISTINCT:06d}.jpg", folder / f"{index:06d}.jpg")


def make_crops(source: Path, folder: Path, count: int) -> None:
    """Writes `count` random crops of the photos in `source`, the same ones every time."""
    import numpy as np
    from PIL import Image

    paths = sorted(path for path in source.iterdir() if path.suffix.lower() in (".jpg", ".png"))
    generator = np.random.default_rng(SEED)
    for index in range(count):
        with Image.open(paths[index % len(paths)]) as photo:
            side = int(min(photo.size) * generator.uniform(0.6, 1.0))
            left, top = (int(generator.integers(0, length - side + 1)) for length in photo.size)
            crop = photo.convert("RGB").crop((left, top, left + side, top + side))
        crop.save(folder / f"{index:06d}.jpg", quality=QUALITY)


def plan(subject: Subject, count: int, input_size: int | None, recipe: str) -> None:
    """Plans the net from the first `count` photos of the folder."""
    sys.path.insert(0, str(ROOT))
    import torch

    from edgeconv.export.calibration import calibration_photos, own_samples
    from edgeconv.export.capture.hub import capture
    from edgeconv.nets.load import load_net
    from edgeconv.quantize.recipe.recipes import named, quantize
    from edgeconv.quantize.repair.ends import ends_of

    size = None if input_size is None else (input_size, input_size)
    net = load_net(subject.net, weights=str(subject.weights), input_size=size)
    height, width = net.preprocessing.input_size
    model = capture(net.module, torch.zeros(1, 3, height, width), name=net.name)
    calibration = calibration_photos(own_samples(subject.calib), net.intake, count)
    ends = ends_of(net.preprocessing, is_classifier=net.labels is not None)
    quantize(model, lambda: calibration.batches(1, raw=False), ends=ends, recipe=named(recipe))


if __name__ == "__main__":
    sys.exit(main())
