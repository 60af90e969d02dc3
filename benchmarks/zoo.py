"""Every net through `edgeconv export --int8`, each in a fresh process, as one table.

    python benchmarks/zoo.py [--net NAME,NAME] [--input-size N] [--calib-samples 8]
                             [--recipe fast] [--rows FILE]

Weights are seeded and random, so int8 is judged operator by operator. Columns: the worst error of
the float files relative to the largest value, the SQNR of the int8 TFLite file's worst output, the
largest difference of an int8 operator in steps, multiply-adds in int8, layout changes, operators of
the int8 TFLite file, seconds of processor time (a busy machine stretches the wall's) and peak
memory.
Exits 1 where a net fails.

With --rows every finished row is kept in FILE, and a run that was cut off goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgeconv.files.read import read_operations
from edgeconv.nets.registry import NETS
from edgeconv.report.progress import Steps
from edgeconv.report.tables import Column, Table, show

COLUMNS = (
    Column("net"),
    Column("export"),
    Column("float error"),
    Column("int8 SQNR dB", "number", 1),
    Column("int8 operators"),
    Column("in int8", "percent", 1),
    Column("layout changes", "integer"),
    Column("operators", "integer"),
    Column("CPU s", "number", 1),
    Column("peak MiB", "integer"),
)


@dataclass(frozen=True)
class Row:
    """One net's export; `cells` fits COLUMNS."""

    passed: bool
    cells: tuple[Any, ...]


def export(net: str, options: Sequence[str], directory: Path) -> Row:
    """Exports one net in a process of its own and reads what came of it."""
    out = directory / net
    words = ["export", net, "--int8", "--weights", "random", "--out", str(out), *options]
    log = directory / f"{net}.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "edgeconv", *words]
        process = subprocess.Popen(command, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if not (out / "manifest.json").is_file():
        last = log.read_text(errors="replace").strip().splitlines()[-1]
        return Row(False, (net, last, *(None,) * 8))
    parity = json.loads((out / "manifest.json").read_text())["parity"]
    stages = {stage["name"]: stage for stage in parity["stages"]}
    floats = [
        figures["relative_error"]
        for name, stage in stages.items()
        if name.startswith(("onnx", "tflite"))
        for figures in stage["figures"]
    ]
    file = read_operations(out / "model.int8.tflite")
    cells = (
        net,
        parity["status"],
        f"{max(floats):.1e}",
        min(figures["sqnr_db"] for figures in stages["int8.tflite"]["figures"]),
        "passed" if stages["int8 operators"]["passed"] else "FAILED",
        file.int8_share,
        file.layout_changes,
        len(file.operations),
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss // 1024,
    )
    shutil.rmtree(out)
    return Row(process.returncode == 0, cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--net", default=",".join(NETS))
    parser.add_argument("--input-size", help="for every net; each net's own by default")
    parser.add_argument("--calib-samples", default="8")
    parser.add_argument("--recipe", default="fast")
    parser.add_argument("--rows", type=Path, help="keep finished rows there, a line of JSON each")
    arguments = parser.parse_args()
    options = ["--calib-samples", arguments.calib_samples, "--recipe", arguments.recipe]
    if arguments.input_size:
        options += ["--input-size", arguments.input_size]
    names = arguments.net.split(",")
    rows = kept(arguments.rows)
    with tempfile.TemporaryDirectory() as directory, Steps() as progress:
        progress.step("export the nets", len(names))
        for done, name in enumerate(names, start=1):
            if name not in rows:
                rows[name] = export(name, options, Path(directory))
                keep(arguments.rows, rows[name])
            progress.advance(done)
    shown = [rows[name] for name in names]
    show(Table(COLUMNS, [row.cells for row in shown]))
    sys.exit(0 if all(row.passed for row in shown) else 1)


def kept(path: Path | None) -> dict[str, Row]:
    """The rows of an earlier run, by net."""
    if path is None or not path.is_file():
        return {}
    told = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {row["cells"][0]: Row(row["passed"], tuple(row["cells"])) for row in told}


def keep(path: Path | None, row: Row) -> None:
    """Adds a row to those that are kept."""
    if path is not None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row)) + "\n")


if __name__ == "__main__":
    main()
