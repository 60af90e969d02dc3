"""Runs model files on labelled photos; a process of its own, so that its memory is nobody else's.

python _logits_run.py JOB.json OUT.npz

JOB.json holds net, weights, data, limit (or null), float (whether to run the PyTorch net) and
files, a list of paths. OUT.npz gets `labels`, `float` where asked for, and `file0`, `file1`, ...
TFLite files run on LiteRT with XNNPACK, ONNX files on onnxruntime without graph optimizations.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edgeconv.data.folders import LabelledImage, labelled
from edgeconv.data.images import load_image
from edgeconv.data.preprocessing import crop_pixels, normalize_batch
from edgeconv.nets.load import LoadedNet, load_net
from edgeconv.runtime.adapt import Images, run_logits
from edgeconv.runtime.open import open_session
from edgeconv.runtime.session import SessionOptions

PHOTOS_AT_ONCE = 50
THREADS = 2

Judge = Callable[[Images], NDArray[np.float32]]


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    net = load_net(job["net"], weights=job["weights"])
    photos = labelled(Path(job["data"]))[: job["limit"]]
    judges = {f"file{index}": of_file(Path(path)) for index, path in enumerate(job["files"])}
    if job["float"]:
        judges["float"] = of_net(net)
    logits: dict[str, list[NDArray[np.float32]]] = {name: [] for name in judges}
    for images in batches(photos, net):
        for name, judge in judges.items():
            logits[name].append(judge(images))
    labels = np.array([photo.label for photo in photos])
    joined: dict[str, Any] = {name: np.concatenate(parts) for name, parts in logits.items()}
    np.savez(sys.argv[2], labels=labels, **joined)


def of_file(path: Path) -> Judge:
    """Logits of a file."""
    options = SessionOptions(THREADS, "reference" if path.suffix == ".onnx" else "default")
    session = open_session(path, options)
    return lambda images: run_logits(session, images)


def of_net(net: LoadedNet) -> Judge:
    """Logits of the float PyTorch net."""

    def judge(images: Images) -> NDArray[np.float32]:
        with torch.inference_mode():
            logits: NDArray[np.float32] = net.module(torch.from_numpy(images.normalized)).numpy()
        return logits

    return judge


def batches(photos: list[LabelledImage], net: LoadedNet) -> Iterator[Images]:
    """The photos, preprocessed as the net wants them, some at a time."""
    for start in range(0, len(photos), PHOTOS_AT_ONCE):
        part = photos[start : start + PHOTOS_AT_ONCE]
        crops = (crop_pixels(load_image(photo.path), net.preprocessing) for photo in part)
        yield Images(normalize_batch(crops, net.preprocessing))


if __name__ == "__main__":
    main()
