"""int8 accuracy of edgeconv's files against other tools' on the same weights and photos.

    python benchmarks/int8_accuracy.py [--net NAME,...] [--data DIR] [--limit N] [--cache DIR]
                                       [--recipes fast,default,thorough] [--tools NAME,...]
                                       [--json FILE]

Every tool calibrates on the same calibration photos; what it gives is judged on photos that no tool
saw: --data (labels in DIR.csv), by default the real nets' validation photos, and the hard nets' own
test images. Judge by these figures, never tune by them.

    edgeconv RECIPE         model.int8.tflite and model.int8.onnx
    onnxruntime METHOD      quantize_static, QDQ S8S8 per channel: minmax, entropy, percentile
    NNCF                    quantize, preset "mixed", of the same ONNX file
    ai-edge-quantizer       static_wi8_ai8 of litert-torch's file
    onnx2tf                 -oiqt, per channel
    TensorFlow              TFLiteConverter, full int8, from onnx2tf's saved model

TFLite files run on LiteRT with XNNPACK, ONNX files on onnxruntime with graph optimizations off, so
that no processor's int8 kernel can saturate.

Prints a table for each net: top-1; agreement with the float PyTorch net; the drop in top-1 and its
one-sided 95 % bound (Tango); the logits' signal-to-noise ratio; by how many points more photos
edgeconv (--recipe default, the file of the same runtime) agrees on than that tool, paired, with
Tango's 95 % interval; what edgeconv is by that; processor time and peak memory of making the file.
edgeconv's cost is one export of float and int8, ONNX and TFLite, with its parity checks; of
onnxruntime's entropy and percentile, NNCF and TensorFlow, it is the quantizing alone.

Other tools' files and all logits are kept in --cache (default: beside the tools' environment; files
that an older benchmark made have no cost), so that only edgeconv's part is made anew.

efficientnet_b0_real, the published net beside the narrow hard one, has 20 classes of its own:
float's top-1 stands for its labels.

Exits 1 where edgeconv's default TFLite file misses its net's floor of agreement, its drop is not
bounded by --max-drop points, a hard net is not hard, or any tool is significantly better.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import _hard
import environment
from _data import OTHER_CLASSES, WEIGHTS_FILE, Subject, add_arguments, subjects
from _logits import Logits, Outputs, Photos, outputs
from _markdown import show_table
from _process import ROOT, Cost
from _tools import (
    chain_files,
    cost_of,
    export,
    nncf_files,
    onnx2tf_files,
    onnxruntime_files,
    photo_count,
    tensorflow_files,
)

sys.path.insert(0, str(ROOT))

from _verdicts import Lead, lead

from edgeconv.verify.accuracy.comparison import AccuracyComparison, compare

AGREEMENT_FLOOR = {
    "mobilenet_v2": 0.92,
    "squeezenet1_1": 0.95,
    "efficientnet_lite0": 0.98,
    "efficientnet_b0_real": 0.70,
    **dict.fromkeys(_hard.NETS, 0.95),
    **dict.fromkeys(_hard.ATTENTION, 0.97),
    "small_linear": 0.95,
}
"""Share of photos with the float net's top-1 that edgeconv's default TFLite file must reach."""

HARD = 0.9
"""A net is hard where onnxruntime's min-max or ai-edge-quantizer's file agrees on less."""

COLUMNS = (
    *("tool", "runtime", "top-1", "agrees", "drop", "at most", "SQNR dB"),
    *("edgeconv leads by", "edgeconv is", "CPU s", "peak MiB"),
)


@dataclass(frozen=True)
class Candidate:
    """A tool's int8 file.

    Attributes:
        tool: as the table calls it.
        file: what it gave.
        cost: of making it, where that was measured.
    """

    tool: str
    file: Path
    cost: Cost | None

    @property
    def runtime(self) -> str:
        """What runs it."""
        return "onnxruntime" if self.file.suffix == ".onnx" else "LiteRT"


@dataclass(frozen=True)
class Row:
    """One candidate's figures; `lead` is None for edgeconv's own files."""

    candidate: Candidate
    figures: AccuracyComparison
    lead: Lead | None

    def cells(self) -> list[str]:
        """As `COLUMNS`."""
        figures, cost = self.figures, self.candidate.cost
        return [
            self.candidate.tool,
            self.candidate.runtime,
            f"{100 * figures.candidate.top1.value:.1f}",
            f"{100 * figures.agreement.value:.1f} %",
            f"{figures.drop.points:.1f}",
            f"{figures.drop.bound_points:.1f}",
            f"{figures.sqnr_db:.1f}",
            str(self.lead) if self.lead else "",
            self.lead.verdict if self.lead else "",
            f"{cost.cpu_s:.0f}" if cost else "-",
            f"{cost.peak_mib:.0f}" if cost else "-",
        ]

    def to_json(self) -> dict[str, Any]:
        """Every figure."""
        return {
            "tool": self.candidate.tool,
            "runtime": self.candidate.runtime,
            "lead": self.lead.to_json() if self.lead else None,
            "cost": self.candidate.cost.to_json() if self.candidate.cost else None,
            **self.figures.to_json(),
        }


@dataclass(frozen=True)
class Settings:
    """What the command line asks for beside the nets."""

    recipes: tuple[str, ...]
    tools: tuple[str, ...]
    extra: tuple[str, ...]
    histogram_photos: int
    models: Path | None


def other_tools(subject: Subject, settings: Settings) -> dict[str, Callable[[], Path]]:
    """How each other tool's file is made, by the tool's name."""
    models = settings.models

    def histogram(method: str) -> Callable[[], Path]:
        def make() -> Path:
            photos = min(settings.histogram_photos, photo_count(subject))
            return onnxruntime_files(subject, method, photos, models) / "model.int8.onnx"

        return make

    onnx2tf = "model_full_integer_quant.tflite"
    return {
        "onnxruntime minmax": lambda: (
            chain_files("onnxruntime", subject, models) / "model.int8.onnx"
        ),
        "onnxruntime entropy": histogram("entropy"),
        "onnxruntime percentile": histogram("percentile"),
        "NNCF": lambda: nncf_files(subject, models) / "model.int8.onnx",
        "ai-edge-quantizer": lambda: chain_files("litert", subject, models) / "model.int8.tflite",
        "onnx2tf": lambda: onnx2tf_files(subject, models) / onnx2tf,
        "TensorFlow": lambda: tensorflow_files(subject, models) / "model.int8.tflite",
    }


def candidates(subject: Subject, settings: Settings, scratch: Path) -> Iterator[Candidate]:
    """edgeconv's files by each recipe, made now, then the other tools'."""
    for recipe in settings.recipes:
        out = scratch / recipe
        out.mkdir()
        extra = [*settings.extra, "--recipe", recipe]
        bundle, cost = export(subject, out, extra, despite_parity=True)
        for name in ("model.int8.tflite", "model.int8.onnx"):
            yield Candidate(f"edgeconv {recipe}", bundle / name, cost)
    for tool, make in other_tools(subject, settings).items():
        if tool in settings.tools:
            file = make()
            yield Candidate(tool, file, cost_of(file.parent))


def rows(found: Sequence[Candidate], outs: Outputs) -> list[Row]:
    """Every candidate's figures."""
    own = {
        candidate.runtime: logits
        for candidate, logits in zip(found, outs.files, strict=True)
        if candidate.tool == "edgeconv default"
    }

    def ahead(candidate: Candidate, logits: Logits) -> Lead | None:
        if candidate.tool.startswith("edgeconv") or candidate.runtime not in own:
            return None
        return lead(outs.reference, own[candidate.runtime], logits)

    return [
        Row(
            candidate,
            compare(outs.reference, logits, outs.labels),
            ahead(candidate, logits),
        )
        for candidate, logits in zip(found, outs.files, strict=True)
    ]


def _outputs(subject: Subject, photos: Photos, files: Sequence[Path], kept: Path) -> Outputs:
    """As `outputs`; where the photos show none of the net's classes, float's top-1 is the label."""
    found = outputs(subject, photos, files, kept)
    if subject.title not in OTHER_CLASSES:
        return found
    return replace(found, labels=found.reference.argmax(axis=1))


def show(net: str, found: Sequence[Row]) -> None:
    """Prints the table of one net."""
    reference = found[0].figures.reference.top1
    print(f"\n### {net}: float top-1 {100 * reference.value:.1f} on {reference.total} photos\n")
    show_table(COLUMNS, [row.cells() for row in found])


def misses(net: str, found: Sequence[Row], max_drop: float) -> list[str]:
    """What edgeconv falls short of, and whether a hard net is one."""
    missed = []
    agreement = {row.candidate.tool: row.figures.agreement.value for row in found}
    for row in found:
        tool, runtime = row.candidate.tool, row.candidate.runtime
        if row.lead and row.lead.verdict == "worse":
            missed.append(f"{tool} is better: edgeconv leads by {row.lead}")
        if (tool, runtime) != ("edgeconv default", "LiteRT"):
            continue
        floor, share = AGREEMENT_FLOOR.get(net, 0.0), row.figures.agreement.value
        if share < floor:
            missed.append(f"agreement {share:.1%} is below {floor:.0%}")
        if row.figures.drop.bound_points > max_drop:
            missed.append(
                f"the drop may be {row.figures.drop.bound_points:.1f} points, not {max_drop:g}"
            )
    plain = [agreement[t] for t in ("onnxruntime minmax", "ai-edge-quantizer") if t in agreement]
    if net in _hard.NETS and plain and min(plain) >= HARD:
        missed.append(f"is not hard: the plain tools agree on {min(plain):.1%} at least")
    return [f"{net}: {miss}" for miss in missed]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser, ",".join((*WEIGHTS_FILE, *_hard.NETS, *_hard.ATTENTION)))
    every = other_tools(Subject("", Path(), Path()), Settings((), (), (), 0, None))
    parser.add_argument("--data", type=Path, help="labelled photos that no tool calibrated on")
    parser.add_argument("--limit", type=int, help="judge on the first N photos only")
    parser.add_argument("--recipes", default="fast,default,thorough", help="edgeconv's")
    parser.add_argument("--tools", default=",".join(every), help="other tools, comma-separated")
    parser.add_argument(
        "--histogram-photos",
        type=int,
        default=256,
        help="most photos for onnxruntime's entropy and percentile, which take 70 MB for each",
    )
    parser.add_argument("--cache", type=Path, help="where other tools' files and logits are kept")
    parser.add_argument("--max-drop", type=float, default=2.5, help="points of top-1")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    options = parser.parse_args()
    unknown = set(options.tools.split(",")) - {*every, ""}
    if unknown:
        parser.error(f"--tools: {', '.join(sorted(unknown))}; there are: {', '.join(every)}")
    return options


def main() -> int:
    options = parse()
    settings = Settings(
        tuple(options.recipes.split(",")),
        tuple(options.tools.split(",")),
        tuple(options.export_options),
        options.histogram_photos,
        options.cache and options.cache.resolve(),
    )
    kept = (settings.models or environment.folder("others") / "models") / "logits"
    missed: list[str] = []
    document: dict[str, Any] = {}
    for subject in subjects(options):
        data = options.data or subject.data
        if data is None:
            raise SystemExit(f"no photos to judge {subject.title} on; give --data")
        with tempfile.TemporaryDirectory() as scratch:
            found = list(candidates(subject, settings, Path(scratch)))
            files = [candidate.file for candidate in found]
            judged = rows(found, _outputs(subject, Photos(data, options.limit), files, kept))
        show(subject.title, judged)
        missed += misses(subject.title, judged, options.max_drop)
        document[subject.title] = [row.to_json() for row in judged]
    if options.json:
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    for miss in missed:
        print(miss, file=sys.stderr)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
