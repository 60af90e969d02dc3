"""Time and memory of `edgeconv export --int8` against the chain of tools one would run otherwise.

    python benchmarks/export_time.py [--net mobilenet_v2] [--weights FILE] [--calib DIR]
                                     [--repeats 5] [--export-options "..."] [--json FILE]

The chain gives the same four files (float and int8, ONNX and TFLite) in two processes:

    onnxruntime  torch.onnx (dynamo), onnxsim, onnxruntime's quant_pre_process and quantize_static
    litert       litert-torch, ai-edge-quantizer static_wi8_ai8

on the same net, weights and photos, in an environment of its own (benchmarks/environment.py).
edgeconv takes its fast recipe unless --export-options say otherwise: the chain takes min-max ranges
and repairs nothing. edgeconv also verifies what it wrote; the chain does not. Every run is a fresh
process; one round of all is discarded, then they take turns. Wall seconds, and peak memory of the
process tree.

Prints each tool's medians, the chain's stages, and ratios with 95 % intervals: edgeconv's time over
the chain's (both processes together), wall and processor, and edgeconv's memory over the chain's
(the larger of the two). Exits 1 where the median ratio of wall time or of memory is past its limit
(a quarter; the same).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from _data import Subject, add_arguments, subjects
from _intervals import Interval, median_interval
from _process import Cost, run
from _tools import chain_command, export, photo_count

CHAIN = ("onnxruntime", "litert")
TOOLS = ("edgeconv", *CHAIN)


@dataclass
class Rounds:
    """What every round cost, by tool, and the seconds of the chain's stages, by chain."""

    costs: list[dict[str, Cost]] = field(default_factory=list)
    stages: list[dict[str, dict[str, float]]] = field(default_factory=list)

    def time_ratio(self) -> Interval:
        """edgeconv's wall time over the chain's, paired by round."""
        return median_interval(
            [r["edgeconv"].wall_s / sum(r[chain].wall_s for chain in CHAIN) for r in self.costs]
        )

    def cpu_ratio(self) -> Interval:
        """edgeconv's processor time over the chain's, paired by round."""
        return median_interval(
            [r["edgeconv"].cpu_s / sum(r[chain].cpu_s for chain in CHAIN) for r in self.costs]
        )

    def memory_ratio(self) -> Interval:
        """edgeconv's peak over the larger of the chain's two."""
        return median_interval(
            [r["edgeconv"].peak_mib / max(r[chain].peak_mib for chain in CHAIN) for r in self.costs]
        )


def run_round(subject: Subject, extra: list[str], rounds: Rounds, *, backwards: bool) -> None:
    """Runs every tool once, in turn, each into a new folder."""
    costs, stages = {}, {}
    for tool in reversed(TOOLS) if backwards else TOOLS:
        with tempfile.TemporaryDirectory() as scratch:
            out = Path(scratch)
            if tool == "edgeconv":
                _, costs[tool] = export(subject, out, extra)
            else:
                costs[tool] = run(chain_command(tool, subject, out), out / "log.txt")
                stages[tool] = json.loads((out / "stages.json").read_text())
        cost = costs[tool]
        print(f"{tool}: {cost.wall_s:.1f} s, {cost.peak_mib:.0f} MiB", file=sys.stderr, flush=True)
    rounds.costs.append(costs)
    rounds.stages.append(stages)


def show(rounds: Rounds) -> None:
    """Prints the medians and the chain's stages."""
    print(f"{'':14}{'wall s':>9}{'cpu s':>9}{'peak MiB':>10}   medians of {len(rounds.costs)} runs")
    for tool in TOOLS:
        costs = [costs[tool] for costs in rounds.costs]
        wall, cpu, peak = (
            statistics.median(values)
            for values in zip(*((c.wall_s, c.cpu_s, c.peak_mib) for c in costs), strict=True)
        )
        print(f"{tool:14}{wall:9.1f}{cpu:9.1f}{peak:10.0f}")
    for chain in CHAIN:
        runs = [stages[chain] for stages in rounds.stages]
        parts = (f"{name} {statistics.median(r[name] for r in runs):.1f}" for name in runs[0])
        print(f"  {chain}: {', '.join(parts)}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser, "mobilenet_v2")
    parser.add_argument("--repeats", type=int, default=5, help="rounds that count (default 5)")
    parser.add_argument("--warmup", type=int, default=1, help="rounds that do not (default 1)")
    parser.add_argument("--max-time-ratio", type=float, default=0.25)
    parser.add_argument("--max-memory-ratio", type=float, default=1.0)
    parser.add_argument("--json", type=Path, help="write every run's figures to this file")
    return parser.parse_args()


def main() -> int:
    options = parse()
    recipe = options.export_options or ["--recipe", "fast"]
    missed, document = False, {}
    for subject in subjects(options):
        rounds, discarded = Rounds(), Rounds()
        for _ in range(options.warmup):
            run_round(subject, recipe, discarded, backwards=False)
        for index in range(options.repeats):
            run_round(subject, recipe, rounds, backwards=index % 2 == 1)
        print(f"{subject.title}, {photo_count(subject)} calibration photos")
        show(rounds)
        time, cpu, memory = rounds.time_ratio(), rounds.cpu_ratio(), rounds.memory_ratio()
        print(f"edgeconv / chain: time {time} (at most {options.max_time_ratio})")
        print(
            f"edgeconv / chain: processor time {cpu} (for comparison: steadier on a busy machine)"
        )
        print(f"edgeconv / chain: memory {memory} (at most {options.max_memory_ratio})")
        missed |= time.median > options.max_time_ratio
        missed |= memory.median > options.max_memory_ratio
        document[subject.title] = {
            "costs": [{k: c.to_json() for k, c in costs.items()} for costs in rounds.costs],
            "stages": rounds.stages,
            "time_ratio": time.to_json(),
            "cpu_ratio": cpu.to_json(),
            "memory_ratio": memory.to_json(),
        }
    if options.json:
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
