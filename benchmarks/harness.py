"""Can `edgeconv bench` be trusted: beside other harnesses, itself, and known slowdowns.

    python benchmarks/harness.py [--input-size 128] [--rounds 25] [--pairs 40] [--slowdowns 10]
                                 [--processes 10] [--runs 200] [--json FILE]

Three questions, each answered on this machine:

    medians      the agent's median over the engine's own: litert-benchmark (of ai-edge-litert) for
                 the TFLite file, onnxruntime's own benchmark loop with bound inputs and outputs for
                 the ONNX file. One process after the other, in an order that reverses. Median of
                 the rounds' ratios with its interval; within 3 % of 1.
    same file    one file twice, side by side, compared as `edgeconv compare` does it: at most 2 in
                 40 pairs may be called different, for the level is 1 %.
    slowdowns    the net against itself with a part of it repeated, side by side: in which share of
                 the pairs it is called slower.

Exits 1 where a median lies further away than 3 %, where more than 1 in 20 pairs of the same file
are called different, or where a slowdown of about 10 % is found in fewer than 9 of 10 pairs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from _intervals import Interval, median_interval
from _process import ROOT, environment

sys.path.insert(0, str(ROOT))

from edgeconv.devices.agent.local import LocalMachine
from edgeconv.devices.bench.config import BenchConfig
from edgeconv.devices.bench.run import bench
from edgeconv.devices.bench.significance import Comparison, compare_times
from edgeconv.runtime.timing import TimingConfig

ALLOWED_RATIO = 0.03
ALLOWED_FALSE = 1 / 20
ALLOWED_MISSED = 1 / 10
LEAST_JUDGED, JUDGED = 8.0, 10.0
"""Percent: of the slowdowns from the first on, the one nearest the second has to be found."""
WARMUP_RUNS = 20
SLOWDOWNS = {
    "a depthwise layer once more": ("features[3].conv[1]", 1),
    "a depthwise layer twice more": ("features[3].conv[1]", 2),
    "a block three times more": ("features[9]", 3),
    "a block four times more": ("features[9]", 4),
}
"""Which module of MobileNetV2 the slowed net runs again, and how often: from 2 to 12 % of its time,
roughly; the table says what it was."""

ORT_RUN = """
import json, sys, types
import numpy as np, onnxruntime as ort
sys.modules["transformers"] = types.ModuleType("transformers")  # only its version, never asked for
from onnxruntime.transformers import benchmark_helper as own
own.get_latency_result = lambda seconds, batch: {"median_ms": 1e3 * float(np.median(seconds))}
path, runs, warmup = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
(given,), (made,) = session.get_inputs(), session.get_outputs()
feed = {given.name: np.random.default_rng(0).standard_normal(given.shape).astype(np.float32)}
template = np.empty(made.shape, np.float32)
result = own.inference_ort_with_io_binding(
    session, feed, {}, runs, [made.name], [template], [], [template.size], 1, "cpu",
    data_type=np.float32, warm_up_repeat=warmup,
)
print(json.dumps(result["median_ms"]))
"""
"""onnxruntime's own benchmark of its transformers, with the median of its runs as the summary. (Its
profiler's record of a run would not do: it holds the time of recording every operator.)"""


def main() -> int:
    parsed = arguments().parse_args()
    with tempfile.TemporaryDirectory() as held:
        place = Path(held)
        files = export(parsed.input_size, place)
        answers: dict[str, Any] = {"medians": {}, "slowdowns": {}}
        for name, own in (("tflite", litert_ms), ("onnx", onnxruntime_ms)):
            answers["medians"][name] = medians(files[name], own, parsed, place)
            print(f"{name}: {answers['medians'][name]}", file=sys.stderr)
        answers["same file"] = share_called_different(files["tflite"], parsed)
        print(f"same file: {answers['same file']}", file=sys.stderr)
        for label in SLOWDOWNS:
            answers["slowdowns"][label] = share_called_slower(files["tflite"], files[label], parsed)
            print(f"{label}: {answers['slowdowns'][label]}", file=sys.stderr)
    failed = show(answers, parsed)
    if parsed.json:
        parsed.json.write_text(json.dumps(answers, indent=2, default=vars) + "\n")
    return int(failed)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--input-size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--slowdowns", type=int, default=10, help="pairs for each slowdown")
    parser.add_argument("--processes", type=int, default=10, help="of each side of a pair")
    parser.add_argument("--runs", type=int, default=200, help="timed in each process")
    parser.add_argument("--json", type=Path)
    return parser


def export(size: int, place: Path) -> dict[str, Path]:
    """MobileNetV2's float files, and those of its slowed forms."""
    run_edgeconv(
        "export", "mobilenet_v2", "--weights=random", f"--input-size={size}", cwd=place, out="net"
    )
    files = {name: place / "net" / f"model.{name}" for name in ("onnx", "tflite")}
    for number, (label, (module, repeats)) in enumerate(SLOWDOWNS.items()):
        source = place / f"slowed_{number}.py"
        source.write_text(SLOWED.format(module=module, repeats=repeats), encoding="utf-8")
        out = f"slowed-{number}"
        run_edgeconv(
            "export", f"{source}:net", f"--input-size={size}", "--format=tflite", cwd=place, out=out
        )
        files[label] = place / out / "model.tflite"
    return files


SLOWED = '''
"""MobileNetV2 that runs a part of its own several times."""
import torch
from edgeconv.nets.load import load_net

class Again(torch.nn.Module):
    def __init__(self, part):
        super().__init__()
        self.part = part
    def forward(self, x):
        for _ in range({repeats} + 1):
            x = self.part(x)
        return x

def net():
    found = load_net("mobilenet_v2", weights="random").module
    found.{module} = Again(found.{module})
    return found
'''


def run_edgeconv(*words: str, cwd: Path, out: str) -> None:
    entry = "from edgeconv.cli.main import command; command()"
    command = [sys.executable, "-c", entry, *words, "--out", out]
    done = subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words)}: {done.stderr[-2000:]}")


def medians(
    path: Path,
    own_ms: Callable[[Path, int, Path], float],
    parsed: argparse.Namespace,
    place: Path,
) -> Interval:
    """Rounds of one agent process and one process of the engine's own harness."""

    def agent_ms() -> float:
        latency = bench(LocalMachine(), {"file": path}, config(1, parsed.runs)).results[0].latency
        assert latency is not None
        return latency.p50_ms

    ratios = []
    for number in range(parsed.rounds):
        if number % 2:
            own = own_ms(path, parsed.runs, place)
            ratios.append(agent_ms() / own)
        else:
            ratios.append(agent_ms() / own_ms(path, parsed.runs, place))
    return median_interval(ratios)


def litert_ms(path: Path, runs: int, place: Path) -> float:
    """Median of litert-benchmark's runs."""
    result = place / "litert.json"
    command = [str(Path(sys.executable).with_name("litert-benchmark")), f"--model={path}"]
    command += [f"--num_runs={runs}", f"--warmup_runs={WARMUP_RUNS}", "--num_threads=1"]
    subprocess.run([*command, f"--result_json={result}"], check=True, capture_output=True)
    return float(json.loads(result.read_text())["latency"]["median_ms"])


def onnxruntime_ms(path: Path, runs: int, place: Path) -> float:
    """Median of the runs of onnxruntime's own benchmark."""
    command = [sys.executable, "-c", ORT_RUN, str(path), str(runs), str(WARMUP_RUNS)]
    done = subprocess.run(command, cwd=place, check=True, capture_output=True, text=True)
    return float(done.stdout)


def config(processes: int, runs: int) -> BenchConfig:
    timing = TimingConfig(runs=runs, warmup_seconds=0.3)
    return BenchConfig(processes=processes, timing=timing, side_by_side=None)


def compared(a: Path, b: Path, parsed: argparse.Namespace) -> Comparison:
    """Two files side by side, compared as `edgeconv compare` compares them."""
    how = config(parsed.processes, parsed.runs)
    results = bench(LocalMachine(), {"a": a, "b": b}, how).results
    sides = [
        [statistics.median(p.timing.samples_ns) / 1e6 for p in result.processes]
        for result in results
    ]
    return compare_times(sides[0], sides[1], together=True)


def share_called_different(path: Path, parsed: argparse.Namespace) -> dict[str, Any]:
    found = [compared(path, path, parsed) for _ in range(parsed.pairs)]
    return {
        "pairs": len(found),
        "called": sum(c.verdict in ("faster", "slower") for c in found),
        "verdicts": count([c.verdict for c in found]),
    }


def share_called_slower(a: Path, b: Path, parsed: argparse.Namespace) -> dict[str, Any]:
    found = [compared(a, b, parsed) for _ in range(parsed.slowdowns)]
    return {
        "pairs": len(found),
        "slower by %": round(statistics.median(c.percent for c in found), 1),
        "verdicts": count([c.verdict for c in found]),
    }


def count(verdicts: Sequence[str]) -> dict[str, int]:
    return {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))}


def show(answers: Mapping[str, Any], parsed: argparse.Namespace) -> bool:
    """Prints the answers; whether one of them is not as it must be."""
    failed = False
    for name, interval in answers["medians"].items():
        off = not 1 - ALLOWED_RATIO <= interval.median <= 1 + ALLOWED_RATIO
        failed |= off
        print(f"{name:8} agent's median over the engine's own: {interval}{'  OFF' if off else ''}")
    same = answers["same file"]
    wrong = same["called"] > ALLOWED_FALSE * same["pairs"]
    print(f"same file: {same['called']} of {same['pairs']} called different {same['verdicts']}")
    for label, found in answers["slowdowns"].items():
        print(f"{label:34} slower by {found['slower by %']:5.1f} %: {found['verdicts']}")
    print(f"{parsed.processes} processes of {parsed.runs} runs on each side of a pair")
    return failed or wrong or not finds(answers["slowdowns"].values())


def finds(slowdowns: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the slowdown that is judged is found often enough."""
    judged = [found for found in slowdowns if found["slower by %"] >= LEAST_JUDGED]
    if not judged:
        print(f"no slowdown reached {LEAST_JUDGED:g} %")
        return False
    nearest = min(judged, key=lambda found: abs(found["slower by %"] - JUDGED))
    found_in = nearest["verdicts"].get("slower", 0)
    print(f"of the pairs that differ by {nearest['slower by %']} %, found: {found_in}")
    return bool(found_in >= (1 - ALLOWED_MISSED) * nearest["pairs"])


if __name__ == "__main__":
    sys.exit(main())
