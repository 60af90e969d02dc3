"""int8 accuracy of edgeconv's files against other tools' on the same weights and photos.

    python benchmarks/int8_accuracy.py [--net mobilenet_v2,mobilenet_v1,squeezenet1_1]
                                       [--data DIR] [--bundle DIR] [--export-options "..."]
                                       [--json FILE]

Every tool calibrates on the calibration photos; what it gives is judged on photos that no tool saw
(--data, with labels in DIR.csv). Judge by these figures, never tune by them.

    edgeconv           model.int8.tflite on LiteRT with XNNPACK
    edgeconv ONNX      model.int8.onnx on onnxruntime
    onnxruntime        quantize_static, QDQ S8S8 per channel, min-max
    ai-edge-quantizer  static_wi8_ai8 of litert-torch's file, on LiteRT with XNNPACK
    onnx2tf            -oiqt, per channel, on LiteRT with XNNPACK

ONNX files run with graph optimizations off, so that no processor's int8 kernel can saturate.

Prints for each: top-1, agreement with the float PyTorch net, the drop in top-1 with its one-sided
95 % bound (Tango), the logits' signal-to-noise ratio, and how edgeconv's TFLite agreement differs
from that tool's (paired, in points, with Tango's 95 % interval). Exits 1 where edgeconv's TFLite
file agrees less than onnxruntime's, less than the net's floor, or its drop is not bounded by
--max-drop points.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _data import Subject, add_arguments, root, subjects
from _process import ROOT
from _tools import chain_files, export, onnx2tf_files
from numpy.typing import NDArray

sys.path.insert(0, str(ROOT))

from edgeconv.data.folders import LabelledImage, labelled
from edgeconv.data.images import load_image
from edgeconv.data.preprocessing import crop_pixels, normalize
from edgeconv.nets.load import LoadedNet, load_net
from edgeconv.runtime.adapt import Images, run_logits
from edgeconv.runtime.open import open_session
from edgeconv.runtime.session import SessionOptions
from edgeconv.verify.accuracy import AccuracyComparison, compare
from edgeconv.verify.proportions import tango

AGREEMENT_FLOOR = {"mobilenet_v2": 0.88, "squeezenet1_1": 0.92}
"""Share of photos with the float net's top-1 that edgeconv's TFLite file must reach."""

PHOTOS_AT_ONCE = 50
THREADS = 2

Logits = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Judged:
    """Every file's logits on the same labelled photos, by tool; "float" is the PyTorch net's."""

    labels: NDArray[np.int64]
    logits: Mapping[str, Logits]

    def comparison(self, tool: str) -> AccuracyComparison:
        """A tool's file against the float net."""
        return compare(self.logits["float"], self.logits[tool], self.labels)

    def lead(self, tool: str) -> tuple[float, float, float]:
        """edgeconv's agreement less the tool's in points: value, low and high end (95 %)."""
        own, other = self._agrees("edgeconv"), self._agrees(tool)
        own_only, other_only = int((own & ~other).sum()), int((other & ~own).sum())
        low, high = tango(own_only, other_only, len(own))
        return 100 * (own_only - other_only) / len(own), 100 * low, 100 * high

    def _agrees(self, tool: str) -> NDArray[np.bool_]:
        same: NDArray[np.bool_] = self.logits["float"].argmax(1) == self.logits[tool].argmax(1)
        return same


def files_of(subject: Subject, bundle: Path) -> dict[str, Path]:
    """The int8 files by tool."""
    return {
        "edgeconv": bundle / "model.int8.tflite",
        "edgeconv ONNX": bundle / "model.int8.onnx",
        "onnxruntime": chain_files("onnxruntime", subject) / "model.int8.onnx",
        "ai-edge-quantizer": chain_files("litert", subject) / "model.int8.tflite",
        "onnx2tf": onnx2tf_files(subject) / "model_full_integer_quant.tflite",
    }


def batches(photos: list[LabelledImage], net: LoadedNet) -> Iterator[Images]:
    """The photos, preprocessed as the net wants them, some at a time."""
    for start in range(0, len(photos), PHOTOS_AT_ONCE):
        part = photos[start : start + PHOTOS_AT_ONCE]
        pixels = [crop_pixels(load_image(photo.path), net.preprocessing) for photo in part]
        yield Images(np.stack([normalize(crop, net.preprocessing) for crop in pixels]))


def judge(subject: Subject, files: Mapping[str, Path], data: Path) -> Judged:
    """Runs the float net and every file on all photos."""
    net, photos = load_net(subject.net, weights=str(subject.weights)), labelled(data)
    sessions = {
        tool: open_session(
            path,
            SessionOptions(THREADS, "reference" if path.suffix == ".onnx" else "default"),
        )
        for tool, path in files.items()
    }
    logits: dict[str, list[Logits]] = {tool: [] for tool in ("float", *files)}
    for images in batches(photos, net):
        with torch.inference_mode():
            logits["float"].append(net.module(torch.from_numpy(images.normalized)).numpy())
        for tool, session in sessions.items():
            logits[tool].append(run_logits(session, images))
    labels = np.array([photo.label for photo in photos])
    return Judged(labels, {tool: np.concatenate(parts) for tool, parts in logits.items()})


def show(judged: Judged, files: Mapping[str, Path]) -> None:
    """Prints the table of one net."""
    print(f"{'':18}{'top-1':>7}{'agrees':>8}{'drop':>7}{'bound':>7}{'SQNR':>9}   edgeconv leads by")
    for tool in files:
        figures = judged.comparison(tool)
        line = f"{tool:18}{100 * figures.candidate.top1.value:7.1f}"
        line += f"{100 * figures.agreement.value:8.1f}{figures.drop.points:7.1f}"
        line += f"{figures.drop.bound_points:7.1f}{figures.sqnr_db:6.1f} dB"
        if tool != "edgeconv":
            line += "   {:+.1f} [{:+.1f}, {:+.1f}]".format(*judged.lead(tool))
        print(line)


def misses(subject: Subject, judged: Judged, max_drop: float) -> list[str]:
    """What edgeconv's TFLite file falls short of."""
    own, other = judged.comparison("edgeconv"), judged.comparison("onnxruntime")
    floor = AGREEMENT_FLOOR.get(subject.net, 0.0)
    found = []
    if own.agreement.value < floor:
        found.append(f"agreement {own.agreement.value:.1%} is below {floor:.0%}")
    if own.agreement.value < other.agreement.value:
        found.append(f"agreement {own.agreement.value:.1%} is below onnxruntime's")
    if own.drop.bound_points > max_drop:
        found.append(f"the drop may be {own.drop.bound_points:.1f} points, not {max_drop:g}")
    return [f"{subject.net}: {miss}" for miss in found]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser, "mobilenet_v2,mobilenet_v1,squeezenet1_1")
    parser.add_argument("--data", type=Path, help="labelled photos that no tool calibrated on")
    parser.add_argument("--bundle", type=Path, help="edgeconv's bundle (default: exported now)")
    parser.add_argument("--max-drop", type=float, default=4.0, help="points of top-1")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    return parser.parse_args()


def main() -> int:
    options = parse()
    chosen = subjects(options)
    if options.bundle and len(chosen) > 1:
        raise SystemExit("--bundle goes with a single --net")
    data = options.data or root() / "photos" / "validation"
    missed: list[str] = []
    document: dict[str, Any] = {}
    for subject in chosen:
        with tempfile.TemporaryDirectory() as scratch:
            bundle = options.bundle or export(subject, Path(scratch), options.export_options)[0]
            files = files_of(subject, bundle)
            judged = judge(subject, files, data)
        float_top1 = judged.comparison("float").reference.top1
        print(
            f"{subject.net}: float top-1 {100 * float_top1.value:.1f} on {float_top1.total} photos"
        )
        show(judged, files)
        missed += misses(subject, judged, options.max_drop)
        document[subject.net] = {tool: judged.comparison(tool).to_json() for tool in files}
    if options.json:
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    for miss in missed:
        print(miss, file=sys.stderr)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
