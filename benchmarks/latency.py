"""Latency of edgeconv's TFLite files against those of litert-torch and onnx2tf, on this machine.

    python benchmarks/latency.py [--net mobilenet_v2,mobilenet_v1,squeezenet1_1] [--threads 1,2]
                                 [--bundle DIR | --export-options "..."] [--rounds 15] [--runs 50]
                                 [--json FILE]

Float against float and int8 against int8: litert-torch (int8 by ai-edge-quantizer) and onnx2tf
(-oiqt), same weights, same calibration photos, run by the same LiteRT with XNNPACK. The other
tools' files are made once and kept in benchmarks/.env-others/models. Every measurement is a fresh
process; within a round all files take their turn (A B C, then C B A), so that a machine that slows
down slows all of them. A figure is the median of a process's runs, a ratio pairs two of one round.

Prints each file's operators (a TRANSPOSE in the middle costs time), then latencies and the median
ratio edgeconv / other with its bootstrap interval. Exits 1 where a ratio is above the limit (1.02)
and so is its whole interval; "undecided" where only the median is: take more rounds, or quiet the
machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from _data import Subject, add_arguments, subjects
from _intervals import Interval, median_interval
from _process import environment
from _tflite_operators import count
from _tools import chain_files, export, onnx2tf_files

RUNNER = Path(__file__).resolve().parent / "_litert_run.py"
Files = Mapping[str, Path]


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


def measure(path: Path, threads: int, runs: int, clock: str) -> float:
    """Median milliseconds of one fresh process."""
    command = [sys.executable, str(RUNNER), str(path), str(threads), str(runs)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    if done.returncode:
        raise SystemExit(f"{done.stderr}\n{path} does not run: exit {done.returncode}")
    figures: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return statistics.median(figures[f"{clock}_ms"])


def take_turns(files: Files, threads: int, options: argparse.Namespace) -> dict[str, list[float]]:
    """Milliseconds of every file in every round."""
    latencies: dict[str, list[float]] = {name: [] for name in files}
    for index in range(options.rounds):
        for name in reversed(list(files)) if index % 2 else files:
            took = measure(files[name], threads, options.runs, options.clock)
            latencies[name].append(took)
    return latencies


def ratios(latencies: Mapping[str, list[float]]) -> dict[str, Interval]:
    """edgeconv's latency over each other tool's, paired by round."""
    own = latencies["edgeconv"]
    return {
        name: median_interval([a / b for a, b in zip(own, other, strict=True)])
        for name, other in latencies.items()
        if name != "edgeconv"
    }


def verdict(ratio: Interval, limit: float) -> str:
    """What the ratio says about the limit."""
    if ratio.low > limit:
        return "SLOWER"
    return "no slower" if ratio.median <= limit else "undecided"


def show_operators(files: Files) -> None:
    for name, path in files.items():
        counts = ", ".join(f"{operator} {n}" for operator, n in sorted(count(path).items()))
        print(f"    {name:13} {counts}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser, "mobilenet_v2,mobilenet_v1,squeezenet1_1")
    parser.add_argument("--bundle", type=Path, help="edgeconv's bundle (default: exported now)")
    parser.add_argument("--threads", default="1,2", help="thread counts (default 1,2)")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--runs", type=int, default=50, help="inferences of one process")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu: one thread")
    parser.add_argument("--max-ratio", type=float, default=1.02)
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    return parser.parse_args()


def judge(subject: Subject, bundle: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measures and prints everything about one net; gives its figures."""
    results = []
    for precision, files in files_of(subject, bundle).items():
        print(f"{subject.net}, {precision}")
        show_operators(files)
        for threads in map(int, options.threads.split(",")):
            latencies = take_turns(files, threads, options)
            compared = ratios(latencies)
            for name, values in latencies.items():
                line = f"    {threads} threads  {name:13}{statistics.median(values):8.2f} ms"
                if name in compared:
                    says = verdict(compared[name], options.max_ratio)
                    line += f"   edgeconv / {name} {compared[name]}: {says}"
                print(line, flush=True)
            results.append(
                {
                    "net": subject.net,
                    "precision": precision,
                    "threads": threads,
                    "latencies_ms": latencies,
                    "ratios": {name: ratio.to_json() for name, ratio in compared.items()},
                }
            )
    return results


def main() -> int:
    options = parse()
    chosen = subjects(options)
    if options.bundle and len(chosen) > 1:
        raise SystemExit("--bundle goes with a single --net")
    results = []
    for subject in chosen:
        with tempfile.TemporaryDirectory() as scratch:
            bundle = options.bundle or export(subject, Path(scratch), options.export_options)[0]
            results += judge(subject, bundle, options)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    lows = [ratio["low"] for result in results for ratio in result["ratios"].values()]
    return int(any(low > options.max_ratio for low in lows))


if __name__ == "__main__":
    sys.exit(main())
