"""A stand-in for Google's benchmark_model: its flags, its streams and the format of what it prints.

The format is that of TensorFlow's tools/benchmark and util/stats_calculator sources: tab-separated
tables with columns set right, statistics as `count=… first=…`, microseconds.
"""

from __future__ import annotations

import sys
from pathlib import Path

#: What the stand-in prints of its timed runs, in ms.
MEAN, LOWEST, HIGHEST, SPREAD, FIRST, INIT = 7.45497, 6.373, 7.775, 0.256, 8.781, 16.772
RUNS = 67
#: Operators of the timed runs: kind, mean ms of a call, calls in a run, name.
OPERATORS = (
    ("QUANTIZE", 0.203, 1, "[tfl.quantize]:0"),
    ("TfLiteXNNPackDelegate", 5.0, 1, "[logits]:64"),
    ("Convolution (NHWC, QC8) IGEMM", 0.407, 1, "Delegate/Convolution (NHWC, QC8) IGEMM:0"),
    ("Convolution (NHWC, QC8) DWConv", 0.051, 13, "Delegate/Convolution (NHWC, QC8) DWConv:1"),
)

_WIDTHS = (36, 9, 9, 8, 8, 10, 9)
_HEADERS = ("[node type]", "[first]", "[avg ms]", "[%]", "[cdf%]", "[mem KB]", "[times called]")


def statistics() -> str:
    """Two lines of statistics and one of timings."""
    return (
        "INFO: Initialized session in 16.772ms.\n"
        "INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate "
        "if exceeding 150 seconds.\n"
        "INFO: count=66 first=8781 curr=7197 min=6335 max=9775 avg=7514.93 std=419\n\n"
        f"INFO: count={RUNS} first=7176 curr=7505 min=6373 max=7775 avg=7454.97 std=256\n\n"
        "INFO: Inference timings in us: Init: 16772, First inference: 8781, Warmup (avg): 7514.93, "
        "Inference (avg): 7454.97\n"
    )


def table(title: str, rows: tuple[tuple[str, float, int, str], ...]) -> str:
    """A table of operators."""
    heads = "".join(f"\t{h:>{w}}" for h, w in zip(_HEADERS, _WIDTHS, strict=True)) + "\t[Name]"
    lines = [f"{'=' * 30} {title} {'=' * 30}", heads]
    for kind, ms, calls, name in rows:
        cells = (kind, f"{ms:.3f}", f"{ms:.3f}", "1.328%", "1.328%", "0.000", str(calls))
        lines.append(
            "".join(f"\t{c:>{w}}" for c, w in zip(cells, _WIDTHS, strict=True)) + "\t" + name
        )
    return "\n".join([*lines, "", ""])


def profile(rows: tuple[tuple[str, float, int, str], ...] = OPERATORS) -> str:
    """The tables of the initialization and of the timed runs, those of a delegate apart."""
    started = (("ModifyGraphWithDelegate", 6.348, 1, "ModifyGraphWithDelegate/0"),)
    summary = "Timings (microseconds): count=50 first=5203 curr=5203 min=5100 max=5300 avg=5203\n"
    inside = tuple(row for row in rows if row[3].startswith("Delegate/"))
    outside = tuple(row for row in rows if row not in inside)
    told = "INFO: Profiling Info for Benchmark Initialization:\n" + table("Run Order", started)
    told += "INFO: Operator-wise Profiling Info for Regular Benchmark Runs:\n"
    told += table("Run Order", outside) + table("Top by Computation Time", outside[:1]) + summary
    if inside:
        told += "Delegate internal: \n" + table("Run Order", inside)
        told += table("Top by Computation Time", inside[:1]) + summary
    return told


def write_program(path: Path, prints: str | None = None, code: int = 0) -> Path:
    """An executable that takes benchmark_model's flags, and notes them beside itself.

    Args:
        path: where to.
        prints: what it prints whatever it is asked; None for figures and, where asked, a profile.
        code: its exit code.
    """
    figures, operators = (statistics(), profile()) if prints is None else (prints, "")
    path.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        "known = {'graph', 'num_threads', 'warmup_runs', 'warmup_min_secs', 'num_runs', 'min_secs',"
        " 'max_secs', 'enable_op_profiling'}\n"
        "flags = dict(word.removeprefix('--').split('=', 1) for word in sys.argv[1:])\n"
        "assert set(flags) <= known and open(flags['graph'], 'rb').read(8)[4:] == b'TFL3'\n"
        f"open({str(path.with_suffix('.asked'))!r}, 'a').write(repr(flags) + '\\n')\n"
        f"sys.stderr.write({figures!r})\n"
        f"if flags.get('enable_op_profiling') == 'true': sys.stderr.write({operators!r})\n"
        f"raise SystemExit({code})\n"
    )
    path.chmod(0o755)
    return path


def asked(path: Path) -> list[dict[str, str]]:
    """The flags of each time the program was run."""
    import ast

    lines = path.with_suffix(".asked").read_text().splitlines()
    return [ast.literal_eval(line) for line in lines]
