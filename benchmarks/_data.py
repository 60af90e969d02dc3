"""The weights and photos that the benchmarks use where none are named.

Real ones lie in `../shared/data` beside the checkout, or where the variable EDGECONV_DATA points.
The hard nets' weights lie in `hard/`, and their images are drawn anew from photographs that
scikit-image brings (`_hard.py`).
"""

from __future__ import annotations

import argparse
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

import _hard
from _process import ROOT

WEIGHTS_FILE = {
    "mobilenet_v2": "mobilenet_v2.safetensors",
    "mobilenet_v1": "mobilenet_v1_075.safetensors",
    "squeezenet1_1": "squeezenet1_1.safetensors",
    "efficientnet_lite0": "efficientnet_lite0.safetensors",
    "efficientnet_b0_real": "efficientnet_b0.safetensors",
}
"""Name of a subject with real weights -> their file."""

OTHER_CLASSES = frozenset({"efficientnet_b0_real"})
"""Subjects whose classes are none of the photos': they are judged by the float net's top-1."""

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Subject:
    """What is exported: a net's name, its weights and the calibration photos.

    Attributes:
        net: its name.
        weights: file.
        calib: folder of calibration photos.
        data: folder of labelled photos that no tool calibrates on, or None where none is known.
        name: as tables show it, where several subjects are of one net.
    """

    net: str
    weights: Path
    calib: Path
    data: Path | None = None
    name: str = ""

    @property
    def title(self) -> str:
        """As tables show it."""
        return self.name or self.net


def net_of(name: str) -> str:
    """The net of a subject: `efficientnet_b0_real` is no hard net, but the published one."""
    if name in _hard.ATTENTION:
        return f"{_HERE / _hard.ATTENTION[name]}:{name}"
    return name.removesuffix("_real")


def root() -> Path:
    """Where real weights and photos lie by default."""
    return Path(os.environ.get("EDGECONV_DATA", ROOT.parent / "shared" / "data"))


def add_arguments(parser: argparse.ArgumentParser, nets: str) -> None:
    """Adds --net, --weights, --calib and --export-options."""
    parser.add_argument("--net", default=nets, help=f"names, comma-separated (default {nets})")
    parser.add_argument("--weights", type=Path, help="weights file, with a single --net")
    parser.add_argument("--calib", type=Path, help="folder of calibration photos")
    parser.add_argument(
        "--export-options", type=shlex.split, default=[], help='for edgeconv: "--ranges minmax"'
    )


def subjects(options: argparse.Namespace) -> list[Subject]:
    """The nets that the command line asks for; ends the benchmark where a file is missing."""
    names = options.net.split(",")
    if options.weights and len(names) > 1:
        raise SystemExit("--weights goes with a single --net")
    return [subject_of(name, options.weights, options.calib) for name in names]


def subject_of(name: str, weights: Path | None, calib: Path | None) -> Subject:
    """What a name stands for, with other weights or photos; ends the benchmark where it cannot."""
    if weights is None and name in (*_hard.NETS, *_hard.ATTENTION):
        images = _hard.folders()
        given = (_hard.weights(name), calib or images.calibration, images.test)
        return Subject(net_of(name), *given, name)
    if weights is None and name not in WEIGHTS_FILE:
        known = ", ".join((*WEIGHTS_FILE, *_hard.NETS, *_hard.ATTENTION))
        raise SystemExit(f"no weights are known for {name} (there are: {known}); use --weights")
    weights = weights or root() / "weights" / WEIGHTS_FILE[name]
    calib = calib or root() / "photos" / "calibration"
    for path in (weights, calib):
        if not path.exists():
            raise SystemExit(f"{path} does not exist; set EDGECONV_DATA, or name it")
    data = root() / "photos" / "validation"
    return Subject(net_of(name), weights.resolve(), calib.resolve(), data, name)
