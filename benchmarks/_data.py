"""The real weights and photos that the benchmarks use where none are named.

They lie in `../shared/data` beside the checkout, or where the variable EDGECONV_DATA points.
"""

from __future__ import annotations

import argparse
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from _process import ROOT

WEIGHTS_FILE = {
    "mobilenet_v2": "mobilenet_v2.safetensors",
    "mobilenet_v1": "mobilenet_v1_075.safetensors",
    "squeezenet1_1": "squeezenet1_1.safetensors",
}


@dataclass(frozen=True)
class Subject:
    """What is exported: a net's name, its weights and the calibration photos."""

    net: str
    weights: Path
    calib: Path


def root() -> Path:
    """Where weights and photos lie by default."""
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
    calib = options.calib or root() / "photos" / "calibration"
    found = []
    for name in names:
        if not options.weights and name not in WEIGHTS_FILE:
            known = ", ".join(WEIGHTS_FILE)
            raise SystemExit(f"no weights are known for {name} (there are: {known}); use --weights")
        weights = options.weights or root() / "weights" / WEIGHTS_FILE[name]
        for path in (weights, calib):
            if not path.exists():
                raise SystemExit(f"{path} does not exist; set EDGECONV_DATA, or name it")
        found.append(Subject(name, weights.resolve(), calib.resolve()))
    return found
