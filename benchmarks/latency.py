"""Latency of edgeconv's TFLite files against those of litert-torch and onnx2tf, on this machine.

    python benchmarks/latency.py [--net NAME,NAME] [--threads 2] [--json FILE]
                                 [--bundle DIR | --export-options "..."] [--rounds 9] [--runs 40]
    python benchmarks/latency.py --kept DIR [--net ROW,ROW] [--max-ratio 1.0] ...

Float against float and int8 against int8: litert-torch (int8 by ai-edge-quantizer) and onnx2tf
(-oiqt), same weights (seeded ones where ../shared/data has none), same calibration photos (eight
where the weights are seeded), run by the same LiteRT with XNNPACK. The other tools' files are made
once and kept in benchmarks/.env-others/models. A round is a fresh process in which all files take
turns, inference by inference, so that a machine that slows down slows all of them; its ratio is the
median over those turns.

With --kept, the nets are rows of coverage.py's, by the files that its --keep left in DIR; a tool
that made none that runs is left out.

Prints each file's operators (a TRANSPOSE in the middle costs time), and the median over the rounds
of the ratio edgeconv / other with its bootstrap interval; at the end all of them in one table. The
limit is 0.85 for the ShuffleNets and 1.02 for all others. Exits 1 where a ratio is above its limit
and so is its whole interval; "undecided" where the interval holds the limit: take more rounds, or
quiet the machine. Two threads by default: an app that cares for latency has its big cores at work.
With --threads 1, --clock cpu counts the thread's processor time instead of the wall's, which a busy
machine disturbs less.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from _data import WEIGHTS_FILE, Subject, add_arguments, net_of, root
from _intervals import Interval, median_interval
from _process import environment
from _seeded import few_photos, weights_file
from _tools import chain_files, export, onnx2tf_files

from edgeconv.files.tflite.file import read

RUNNER = Path(__file__).resolve().parent / "_litert_run.py"
NETS = (
    *("mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small"),
    *("shufflenet_v1", "shufflenet_v2_x1_0", "squeezenet1_1", "efficientnet_b0"),
    *("resnext50_32x4d", "densenet121", "inception_v3"),
)
PHOTOS = 8
LIMIT, SHUFFLENET_LIMIT = 1.02, 0.85

#: Latency does not hang on how well the integers were chosen, so they are chosen fast.
EXPORT_OPTIONS = ("--recipe", "fast", "--calib-samples", str(PHOTOS), "--int8-sqnr-db=0")
Files = Mapping[str, Path]


def subject_of(net: str, options: argparse.Namespace) -> Subject:
    """A net with its weights and photos, seeded ones where no others are there."""
    photos = options.calib or root() / "photos" / "calibration"
    known = root() / "weights" / WEIGHTS_FILE.get(net, "")
    if options.weights or known.is_file():
        given = (options.weights or known).resolve()
        return Subject(net_of(net), given, photos.resolve(), name=net)
    return Subject(net, weights_file(net).resolve(), few_photos(photos, PHOTOS).resolve())


def files_of(subject: Subject, bundle: Path) -> dict[str, Files]:
    """The files that compete, by precision and tool."""
    litert, onnx2tf = chain_files("litert", subject), onnx2tf_files(subject)
    return {
        "float": {
            "edgeconv": bundle / "model.tflite",
            "litert-torch": litert / "model.tflite",
            "onnx2tf": onnx2tf / "model_float32.tflite",
        },
        "int8": {
            "edgeconv": bundle / "model.int8.tflite",
            "litert-torch": litert / "model.int8.tflite",
            "onnx2tf": onnx2tf / "model_full_integer_quant.tflite",
        },
    }


def kept_files(folder: Path) -> dict[str, Files]:
    """The files of a row of coverage.py's, by precision and tool; edgeconv's is among them."""
    tools = {"edgeconv": "edgeconv", "litert-torch": "litert", "onnx2tf": "onnx2tf"}
    found = {}
    for precision, name in (("float", "model.tflite"), ("int8", "model.int8.tflite")):
        made = {tool: folder / place / name for tool, place in tools.items()}
        files = {tool: path for tool, path in made.items() if path.is_file()}
        if "edgeconv" in files:
            found[precision] = files
    return found


def measure(files: Files, threads: int, options: argparse.Namespace) -> dict[str, list[float]]:
    """Milliseconds of every turn of every file, in one fresh process."""
    command = [sys.executable, str(RUNNER), str(threads), str(options.runs)]
    command += [str(path) for path in files.values()]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    if done.returncode:
        raise SystemExit(f"{done.stderr}\n{command} fails: exit {done.returncode}")
    figures = json.loads(done.stdout.splitlines()[-1])[f"{options.clock}_ms"]
    return dict(zip(files, figures, strict=True))


def ratios(rounds: Iterable[Mapping[str, list[float]]]) -> dict[str, Interval]:
    """edgeconv's latency over each other tool's: paired by turn, then the median by round."""
    found: dict[str, list[float]] = {}
    for latencies in rounds:
        own = latencies["edgeconv"]
        for name, other in latencies.items():
            if name != "edgeconv":
                paired = [a / b for a, b in zip(own, other, strict=True)]
                found.setdefault(name, []).append(statistics.median(paired))
    return {name: median_interval(medians) for name, medians in found.items()}


def exported_net(net: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """The figures of a net that is exported now, unless its bundle is given."""
    subject = subject_of(net, options)
    extra = [*EXPORT_OPTIONS, *options.export_options]
    with tempfile.TemporaryDirectory() as scratch:
        bundle = options.bundle or export(subject, Path(scratch), extra)[0]
        return judge(subject.title, files_of(subject, bundle), options)


def kept_net(row: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """The figures of a row that coverage.py has kept."""
    return judge(row, kept_files(options.kept / row.replace("/", "_")), options)


def limit_of(net: str, options: argparse.Namespace) -> float:
    """The largest ratio that is no slower than asked."""
    if options.max_ratio is not None:
        return float(options.max_ratio)
    return SHUFFLENET_LIMIT if net.startswith("shufflenet") else LIMIT


def verdict(ratio: Interval, limit: float) -> str:
    """What the ratio says about the limit."""
    if ratio.low > limit:
        return "MISSED"
    return "kept" if ratio.high <= limit else "undecided"


def shown_operators(files: Files) -> dict[str, Counter[str]]:
    """How many there are of each operator in each tool's file, printed."""
    found = {
        name: Counter(operator.code for operator in read(path).operators)
        for name, path in files.items()
    }
    for name, counts in found.items():
        said = ", ".join(f"{operator} {n}" for operator, n in sorted(counts.items()))
        print(f"    {name:13} {said}", flush=True)
    return found


def judge(
    title: str, compared: Mapping[str, Files], options: argparse.Namespace
) -> list[dict[str, Any]]:
    """Measures and prints everything about one net; gives its figures."""
    results = []
    for precision, files in compared.items():
        print(f"{title}, {precision}")
        operators = shown_operators(files)
        for threads in map(int, options.threads.split(",")):
            rounds = [measure(files, threads, options) for _ in range(options.rounds)]
            medians = {
                name: statistics.median(statistics.median(each[name]) for each in rounds)
                for name in files
            }
            for name, ratio in ratios(rounds).items():
                limit = limit_of(title, options)
                results.append(
                    {
                        "net": title,
                        "precision": precision,
                        "threads": threads,
                        "other": name,
                        "edgeconv_ms": medians["edgeconv"],
                        "other_ms": medians[name],
                        "edgeconv_transposes": operators["edgeconv"]["TRANSPOSE"],
                        "other_transposes": operators[name]["TRANSPOSE"],
                        "ratio": ratio.to_json(),
                        "limit": limit,
                        "verdict": verdict(ratio, limit),
                    }
                )
                print(f"    {line(results[-1])}", flush=True)
    return results


def line(result: Mapping[str, Any]) -> str:
    """A row of the table."""
    ratio = Interval(**result["ratio"])
    return (
        f"{result['net']:32} {result['precision']:6}{result['threads']:>3}  {result['other']:13}"
        f"{result['edgeconv_ms']:8.2f}{result['other_ms']:8.2f}  {ratio!s:23}"
        f"{result['edgeconv_transposes']:>4}{result['other_transposes']:>4}  "
        f"{result['limit']:.2f}  {result['verdict']}"
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser, ",".join(NETS))
    parser.add_argument("--bundle", type=Path, help="edgeconv's bundle (default: exported now)")
    parser.add_argument("--kept", type=Path, help="rows' files, of coverage.py --keep")
    parser.add_argument("--threads", default="2", help="thread counts, such as 1,2 (default 2)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--runs", type=int, default=40, help="turns of each file in a round")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu: one thread")
    parser.add_argument("--max-ratio", type=float, help="instead of the limits above")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    options = parser.parse_args()
    if options.kept and options.net == ",".join(NETS):
        options.net = ",".join(sorted(path.name for path in options.kept.iterdir()))
    if (options.bundle or options.weights) and "," in options.net:
        raise SystemExit("--bundle and --weights go with a single --net")
    if options.clock == "cpu" and options.threads != "1":
        raise SystemExit("--clock cpu counts one thread: add --threads 1")
    return options


def main() -> int:
    options = parse()
    results = []
    for net in options.net.split(","):
        results += kept_net(net, options) if options.kept else exported_net(net, options)
        if options.json:
            options.json.write_text(json.dumps(results, indent=1) + "\n")
    print(
        f"\nmilliseconds ({options.clock}) of edgeconv's file and the other's, their ratio, "
        "their transposes, and the limit"
    )
    for result in results:
        print(line(result))
    return int(any(result["verdict"] == "MISSED" for result in results))


if __name__ == "__main__":
    sys.exit(main())
