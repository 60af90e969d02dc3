"""Does `export --max-drop P` keep its word on photos that it has not seen?

    python benchmarks/max_drop.py [--net NAME,...] [--max-drop 0.5,1.0] [--develop] [--folds 4]
                                  [--export-options "--recipe fast"] [--limit N] [--json FILE]

Exports each net's int8 TFLite file for each bound and runs it (LiteRT, XNNPACK) on labelled photos
that were neither calibrated on nor used to choose: the real nets' validation photos, the hard nets'
test images. --develop leaves those unread and takes what may be tuned by: the calibration photos in
folds, each measured by an export from the others, and the hard nets' tuning images.

Prints a row for each net and bound:

    predicted       the manifest's predicted drop of top-1 in points, and its one-sided 95 % bound
    all in int8     the same before anything was kept in float
    measured        float's top-1 less the file's, with Tango's one-sided 95 % bounds
    expected        the drop by the float net's probabilities, made honest by the labels, on the
                    photos measured, with one-sided 95 % bounds (`_drops.py`)
    the bound       shown: even the measured drop's upper bound is within it; holds: the measured
                    drop is; within chance: it is not, but not significantly so; broken: it is
                    significantly above (its lower bound is)
    agrees          share of photos with the float net's top-1
    in float        share of multiply-adds that the file computes in float (`edgeconv audit`), and
                    how many operators were kept in it
    seconds         of the export, start to exit

A few hundred photos cannot show a drop of 0.5 points or less by their labels alone (4 % changed
answers of 500 scatter by 0.9), so "within chance" is no proof of either. The bound counts as kept
where the measured drop is not significantly above it and the expected drop is within it. Exits 1
where it is not kept, where the manifest says that it was not reached, or where more than a tenth of
a real net's multiply-adds are in float.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import _hard
import numpy as np
from _data import WEIGHTS_FILE, Subject, add_arguments, subjects
from _logits import Photos, outputs
from _markdown import show_table
from _process import ROOT, run
from _tools import THRESHOLD_MISSED, edgeconv_command

sys.path.insert(0, str(ROOT))

from _drops import Judged, judge

from edgeconv.verify.audit.any_file import audit

MOST_IN_FLOAT = 0.1
"""Share of a real net's multiply-adds."""

TUNING_COUNT = 1056
"""Images drawn from the tuning seed."""

COLUMNS = (
    *("net", "P", "all in int8", "predicted", "measured", "expected", "the bound", "agrees"),
    *("in float", "seconds"),
)


@dataclass(frozen=True)
class Exported:
    """One export with a bound.

    Attributes:
        file: the int8 TFLite file.
        mixed: what its manifest says of mixed precision.
        in_float: share of the file's multiply-adds.
        wall_s: what it took.
    """

    file: Path
    mixed: dict[str, Any]
    in_float: float
    wall_s: float


@dataclass(frozen=True)
class Row:
    """A net with a bound; several exports where it was measured in folds."""

    net: str
    exports: tuple[Exported, ...]
    judged: Judged

    def cells(self) -> list[str]:
        """As `COLUMNS`."""
        judged = self.judged
        operators = [len(e.mixed["islands"]) for e in self.exports]
        return [
            self.net,
            f"{judged.bound:g}",
            self._predicted("predicted_drop_in_int8"),
            self._predicted("predicted_drop"),
            str(judged.measured),
            str(judged.expected),
            judged.verdict,
            f"{judged.comparison.agreement.value:.1%}",
            f"{self.in_float:.1%}, {max(operators)}",
            f"{statistics.mean(e.wall_s for e in self.exports):.0f}",
        ]

    @property
    def in_float(self) -> float:
        """The largest share of multiply-adds of any of the files."""
        return max(export.in_float for export in self.exports)

    def _predicted(self, which: str) -> str:
        """The mean over the exports, and the largest bound."""
        points = statistics.mean(e.mixed[which]["points"] for e in self.exports)
        at_most = max(e.mixed[which]["at_most_points"] for e in self.exports)
        return f"{points:.2f}, {at_most:.2f}"

    def misses(self) -> list[str]:
        """What falls short."""
        found = [self.judged.miss] if self.judged.miss else []
        for export in self.exports:
            if not export.mixed["met"]:
                at_most = export.mixed["predicted_drop"]["at_most_points"]
                found.append(f"the export did not reach it: at most {at_most:.2f}")
        if self.net in WEIGHTS_FILE and self.in_float > MOST_IN_FLOAT:
            found.append(f"{self.in_float:.1%} of the multiply-adds are in float")
        return [f"{self.net} --max-drop {self.judged.bound:g}: {miss}" for miss in found]

    def to_json(self) -> dict[str, Any]:
        """Every figure."""
        return {
            "net": self.net,
            **self.judged.to_json(),
            "exports": [
                {"in_float": e.in_float, "wall_s": e.wall_s, "mixed_precision": e.mixed}
                for e in self.exports
            ],
        }


def export(subject: Subject, bound: float, out: Path, extra: Sequence[str]) -> Exported:
    """Exports into the empty folder `out`; a bundle that misses a threshold counts all the same."""
    options = ["--max-drop", f"{bound:g}", "--format", "tflite", *extra]
    log = out / "edgeconv.log"
    command = edgeconv_command(subject, out / "bundle", options)
    cost = run(command, log, (0, THRESHOLD_MISSED))
    manifest = next(out.rglob("manifest.json"), None)
    if manifest is None:
        raise SystemExit(f"{log.read_text()}\nedgeconv export wrote no bundle")
    file = manifest.parent / "model.int8.tflite"
    mixed = json.loads(manifest.read_text())["quantization"]["mixed_precision"]
    return Exported(file, mixed, 1 - audit(file).int8_share, cost.wall_s)


def measure(
    trials: Sequence[Subject], bound: float, options: argparse.Namespace, kept: Path
) -> Row:
    """Exports each trial and judges all their photos together."""
    found, exact, rounded, labels = [], [], [], []
    for trial in trials:
        assert trial.data is not None
        with tempfile.TemporaryDirectory() as scratch:
            found.append(export(trial, bound, Path(scratch), options.export_options))
            photos = Photos(trial.data, options.limit)
            outs = outputs(trial, photos, [found[-1].file], kept)
        exact.append(outs.reference)
        rounded.append(outs.files[0])
        labels.append(outs.labels)
    parts = (np.concatenate(part) for part in (exact, rounded, labels))
    return Row(trials[0].net, tuple(found), judge(*parts, bound))


def tunable(subject: Subject, folds: int, out: Path) -> list[Subject]:
    """Trials on what may be tuned by, their photos in the empty folder `out`."""
    if subject.net in _hard.NETS:
        folder = out / "tuning"
        _hard.write_folder(folder, _hard.TUNING_SEED, TUNING_COUNT)
        return [replace(subject, data=folder)]
    with subject.calib.with_name(f"{subject.calib.name}.csv").open(newline="") as handle:
        rows = [(row["file"], row["label"]) for row in csv.DictReader(handle)]
    trials = []
    for fold in range(folds):
        seen = [row for index, row in enumerate(rows) if index % folds != fold]
        calib = _linked(seen, subject.calib, out / f"calibration{fold}")
        data = _linked(rows[fold::folds], subject.calib, out / f"held-back{fold}")
        trials.append(replace(subject, calib=calib, data=data))
    return trials


def _linked(rows: Sequence[tuple[str, str]], source: Path, folder: Path) -> Path:
    """A folder of links to some photos, with its CSV."""
    folder.mkdir()
    with folder.with_name(f"{folder.name}.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows([("file", "label"), *rows])
    for name, _ in rows:
        (folder / name).symlink_to(source / name)
    return folder


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """A row for each net and bound."""
    kept = _hard.CACHE / "max-drop"
    for subject in subjects(options):
        with tempfile.TemporaryDirectory() as scratch:
            trials = [subject]
            if options.develop:
                trials = tunable(subject, options.folds, Path(scratch))
            for bound in options.max_drop:
                yield measure(trials, bound, options, kept)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser, ",".join((*WEIGHTS_FILE, *_hard.NETS)))
    parser.add_argument(
        "--max-drop",
        type=lambda text: [float(part) for part in text.split(",")],
        default=[0.5, 1.0],
        help="bounds in points of top-1, comma-separated",
    )
    parser.add_argument("--develop", action="store_true", help="leave the final photos unread")
    parser.add_argument("--folds", type=int, default=4, help="of a real net, with --develop")
    parser.add_argument("--limit", type=int, help="judge on the first N photos only")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    return parser.parse_args()


def main() -> int:
    options = parse()
    found = []
    for row in rows(options):
        found.append(row)
        print(" | ".join(row.cells()), file=sys.stderr, flush=True)
    show_table(COLUMNS, [row.cells() for row in found])
    if options.json:
        options.json.write_text(json.dumps([row.to_json() for row in found], indent=1) + "\n")
    missed = [miss for row in found for miss in row.misses()]
    for miss in missed:
        print(miss, file=sys.stderr)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
