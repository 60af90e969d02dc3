"""Does `export --max-drop P` keep its word on photos that it has not seen?

    python benchmarks/max_drop.py [--net NAME,...] [--max-drop 1,2,5] [--recipe fast,default]
                                  [--no-labels] [--limit N] [--json FILE]

Exports each net's int8 TFLite file for each bound and recipe and runs it (LiteRT, XNNPACK) on
labelled photos that no export was given: the real nets' validation photos, the hard nets' test
images. What an export is given: the 128 calibration photos of the real nets, with their labels;
1,500 images of the hard nets, drawn for this. efficientnet_b0's real weights go by
efficientnet_b0_real; its 20 classes are none of the photos', so changes are bounded instead.

Prints a row for each:

    promised        what the manifest says was shown: P, or nothing, of how many photos that judged
    predicted       its predicted drop in points, and that prediction's one-sided 95 % limit
    measured        of the file: float's top-1 less its own, with Tango's one-sided 95 % bounds
                    (without labels the photos whose top-1 changed, with Clopper and Pearson's)
    expected        the drop by the float net's probabilities, made honest by the labels, on the
                    photos measured, with one-sided 95 % bounds (`_drops.py`): it scatters far less
    the bound       shown: even the measured upper bound is within it; holds: the measured figure
                    is; within chance: it is not, but not significantly so; broken: it is
                    significantly above (its lower bound is)
    agrees          share of photos with the float net's top-1
    in float        share of multiply-adds that the file computes in float (`edgeconv audit`), and
                    how many operators were kept in it
    seconds         processor time of the export

A promise is false in one of twenty exports at most; one whose bound is significantly broken on
other photos is counted. Exits 1 where there are more of them than chance allows one time in a
hundred.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _hard
import numpy as np
from _data import OTHER_CLASSES, WEIGHTS_FILE, Subject, subject_of
from _logits import Outputs, Photos, outputs
from _markdown import show_table
from _process import ROOT, run
from _tools import THRESHOLD_MISSED

sys.path.insert(0, str(ROOT))

from _drops import Drop, Verdict, judge, verdict_of
from scipy import stats

from edgeconv.verify.accuracy.promise import RISK
from edgeconv.verify.accuracy.proportions import LEVEL
from edgeconv.verify.audit.any_file import audit

GIVEN_SEED, GIVEN_COUNT = 5, 1500
"""Hard nets' images that exports are given."""

COLUMNS = (
    *("net", "recipe", "P", "promised", "predicted", "measured", "expected"),
    *("the bound", "agrees", "in float", "seconds"),
)


@dataclass(frozen=True)
class Trial:
    """A net, what its exports are given and what they are measured on.

    Attributes:
        name: as the table shows it.
        subject: net, weights, given photos and others.
        labelled: whether the given photos' labels are given too.
    """

    name: str
    subject: Subject
    labelled: bool


@dataclass(frozen=True)
class Row:
    """One export, measured."""

    trial: Trial
    recipe: str
    bound: float
    mixed: dict[str, Any]
    in_float: float
    cpu_s: float
    measured: Drop
    expected: Drop | None
    agreement: float

    @property
    def promise(self) -> dict[str, Any]:
        """What the manifest says was shown."""
        found: dict[str, Any] = self.mixed["promise"]
        return found

    @property
    def verdict(self) -> Verdict:
        """What the photos measured on say of the bound."""
        return verdict_of(self.measured, self.bound)

    @property
    def is_false(self) -> bool:
        """Whether a promise was given and is significantly broken."""
        return bool(self.promise["shown"]) and self.verdict == "broken"

    def cells(self) -> list[str]:
        """As `COLUMNS`."""
        predicted, outcome = self.mixed["predicted_drop"], self.promise["outcome"]
        judged = 0 if outcome is None else outcome["photos"]
        return [
            self.trial.name,
            self.recipe,
            f"{self.bound:g}",
            f"{self.bound if self.promise['shown'] else 'nothing'}, {judged}",
            f"{predicted['points']:.2f}, {predicted['at_most_points']:.2f}",
            str(self.measured),
            "-" if self.expected is None else str(self.expected),
            self.verdict,
            f"{self.agreement:.1%}",
            f"{self.in_float:.1%}, {len(self.mixed['islands'])}",
            f"{self.cpu_s:.0f}",
        ]

    def to_json(self) -> dict[str, Any]:
        """Every figure."""
        return {
            **{"net": self.trial.name, "recipe": self.recipe, "bound_points": self.bound},
            **{"verdict": self.verdict, "measured": self.measured.to_json()},
            **{"expected": self.expected and self.expected.to_json(), "agrees": self.agreement},
            **{"in_float": self.in_float, "cpu_s": self.cpu_s, "mixed_precision": self.mixed},
        }


def trial(name: str, given: Path, *, labels: bool) -> Trial:
    """The trial of a name; ends the benchmark where there is none."""
    if name not in (*WEIGHTS_FILE, *_hard.NETS):
        raise SystemExit(f"{name} is none of {', '.join((*WEIGHTS_FILE, *_hard.NETS))}")
    is_hard = name in _hard.NETS
    subject = subject_of(name, None, given if is_hard else None)
    title = f"{name}, hard" if is_hard else name
    return Trial(title, subject, labels and name not in OTHER_CLASSES)


def measure(one: Trial, recipe: str, bound: float, limit: int | None) -> Row:
    """Exports and runs the file on the other photos."""
    subject = one.subject
    assert subject.data is not None
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        command: list[str | Path] = [sys.executable, "-m", "edgeconv", "export", subject.net]
        command += ["--int8", "--format", "tflite", "--weights", subject.weights]
        command += ["--calib", subject.calib, "--recipe", recipe, "--max-drop", f"{bound:g}"]
        if one.labelled:
            command += ["--labels", subject.calib.with_name(f"{subject.calib.name}.csv")]
        cost = run([*command, "--out", out / "b"], out / "log", (0, THRESHOLD_MISSED))
        manifest = out / "b" / "manifest.json"
        if not manifest.exists():
            raise SystemExit(f"{(out / 'log').read_text()}\nedgeconv export wrote no bundle")
        mixed = json.loads(manifest.read_text())["quantization"]["mixed_precision"]
        file = manifest.with_name("model.int8.tflite")
        found = outputs(subject, Photos(subject.data, limit), [file], _hard.CACHE / "max-drop")
        in_float = 1 - audit(file).int8_share
    figures = measured(found, bound, labelled=one.labelled)
    agrees = float((found.reference.argmax(axis=1) == found.files[0].argmax(axis=1)).mean())
    return Row(one, recipe, bound, mixed, in_float, cost.cpu_s, *figures, agrees)


def measured(found: Outputs, bound: float, *, labelled: bool) -> tuple[Drop, Drop | None]:
    """The drop as measured and as expected; where nothing is labelled the changes alone."""
    if labelled:
        judged = judge(found.reference, found.files[0], found.labels, bound)
        return judged.measured, judged.expected
    changes = found.reference.argmax(axis=1) != found.files[0].argmax(axis=1)
    test = stats.binomtest(int(changes.sum()), len(changes))
    ends = test.proportion_ci(2 * LEVEL - 1, method="exact")
    return Drop(100 * float(np.mean(changes)), 100 * float(ends.low), 100 * float(ends.high)), None


def rows(options: argparse.Namespace, given: Path) -> Iterator[Row]:
    """A row for each net, recipe and bound."""
    for name in options.net:
        one = trial(name, given, labels=not options.no_labels)
        for recipe in options.recipe:
            for bound in options.max_drop:
                yield measure(one, recipe, bound, options.limit)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )

    def words(text: str) -> list[str]:
        return text.split(",")

    def bounds(text: str) -> list[float]:
        return [float(part) for part in text.split(",")]

    parser.add_argument("--net", type=words, default=[*WEIGHTS_FILE, *_hard.NETS])
    parser.add_argument("--max-drop", type=bounds, default=[1.0, 2.0, 5.0], help="points of top-1")
    parser.add_argument("--recipe", type=words, default=["fast", "default"])
    parser.add_argument("--no-labels", action="store_true", help="bound changes of all nets")
    parser.add_argument("--limit", type=int, help="judge on the first N photos only")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    return parser.parse_args()


def given_images() -> Path:
    """The folder of the hard nets' images that exports are given, drawn once."""
    folder = _hard.CACHE / f"given-{GIVEN_SEED}-{GIVEN_COUNT}" / "images"
    if not folder.with_name("images.csv").exists():
        shutil.rmtree(folder.parent, ignore_errors=True)
        _hard.write_folder(folder, GIVEN_SEED, GIVEN_COUNT)
    return folder


def verdict(found: Sequence[Row]) -> int:
    """Tells of false promises; 1 where there are more than chance allows."""
    promised = [row for row in found if row.promise["shown"]]
    false = [row for row in promised if row.is_false]
    print(f"{len(promised)} of {len(found)} exports promise; {len(false)} falsely", file=sys.stderr)
    for row in false:
        print(f"broken: {' | '.join(row.cells())}", file=sys.stderr)
    return int(len(false) > stats.binom.ppf(0.99, len(promised), RISK)) if promised else 0


def main() -> int:
    options = parse()
    found = []
    for row in rows(options, given_images()):
        found.append(row)
        print(" | ".join(row.cells()), file=sys.stderr, flush=True)
    show_table(COLUMNS, [row.cells() for row in found])
    if options.json:
        options.json.write_text(json.dumps([row.to_json() for row in found], indent=1) + "\n")
    return verdict(found)


if __name__ == "__main__":
    sys.exit(main())
