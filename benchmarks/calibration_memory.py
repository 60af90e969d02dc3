"""Does the memory of calibration grow with the number of photos?

    python benchmarks/calibration_memory.py [--net mobilenet_v2] [--weights FILE] [--calib DIR]
                                            [--few 64] [--many 1024] [--limit 1.10]

Makes a folder of --many JPEG files, each a random crop of one of the calibration photos, then plans
the net's int8 form from --few of them and from all, each in a fresh process that does nothing else:
decode, run the float graph, keep statistics, plan. Prints both peaks and their ratio; exits 1 where
the ratio exceeds --limit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from _data import Subject, add_arguments, subjects
from _process import ROOT, run

SEED = 0
QUALITY = 90


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser, "mobilenet_v2")
    parser.add_argument("--few", type=int, default=64)
    parser.add_argument("--many", type=int, default=1024)
    parser.add_argument("--limit", type=float, default=1.10)
    parser.add_argument("--plan", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    (subject,) = subjects(options)
    if options.plan is not None:
        plan(subject, options.plan)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        photos = Path(scratch) / "photos"
        make_photos(subject.calib, photos, options.many)
        peaks = {n: peak_mib(subject, photos, n) for n in (options.few, options.many)}
    ratio = peaks[options.many] / peaks[options.few]
    for count, mib in peaks.items():
        print(f"{count:5d} photos: {mib:7.1f} MiB")
    print(f"ratio {ratio:.3f} (limit {options.limit:.2f})")
    return int(ratio > options.limit)


def peak_mib(subject: Subject, photos: Path, count: int) -> float:
    """Peak resident memory of a process that plans from `count` photos."""
    command = [sys.executable, Path(__file__).resolve(), "--net", subject.net]
    command += ["--weights", subject.weights, "--calib", photos, "--plan", str(count)]
    return run(command, photos.parent / f"{count}.log").peak_mib


def make_photos(source: Path, folder: Path, count: int) -> None:
    """Writes `count` random crops of the photos in `source`, the same ones every time."""
    import numpy as np
    from PIL import Image

    folder.mkdir()
    paths = sorted(path for path in source.iterdir() if path.suffix.lower() in (".jpg", ".png"))
    generator = np.random.default_rng(SEED)
    for index in range(count):
        with Image.open(paths[index % len(paths)]) as photo:
            side = int(min(photo.size) * generator.uniform(0.6, 1.0))
            left, top = (int(generator.integers(0, length - side + 1)) for length in photo.size)
            crop = photo.convert("RGB").crop((left, top, left + side, top + side))
        crop.save(folder / f"{index:05d}.jpg", quality=QUALITY)


def plan(subject: Subject, count: int) -> None:
    """Plans the net from the first `count` photos of the folder."""
    sys.path.insert(0, str(ROOT))
    import torch

    from edgeconv.export.calibration import calibration_photos
    from edgeconv.export.capture import capture
    from edgeconv.nets.load import load_net
    from edgeconv.quantize.recipe import quantize

    net = load_net(subject.net, weights=str(subject.weights))
    height, width = net.preprocessing.input_size
    model = capture(net.module, torch.zeros(1, 3, height, width), name=net.name)
    calibration = calibration_photos(subject.calib, net.preprocessing, count)
    quantize(model, lambda: calibration.batches(1, raw=False))


if __name__ == "__main__":
    sys.exit(main())
