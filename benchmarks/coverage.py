"""Which nets and idioms go through `edgeconv export --int8`, and through the other tools.

    python benchmarks/coverage.py [--only WORD,WORD] [--kind nets|idioms] [--jobs 1]
                                  [--tools edgeconv,litert,onnx2tf] [--rows FILE] [--resume]
                                  [--recipe fast] [--cpu-s 600] [--memory-gib 16] [--keep DIR]

Every row is a net of timm, torchvision, ultralytics, segmentation_models_pytorch or pytorchcv by
its name (`rows/nets.py`), or a small net of our own that holds one idiom (`idioms/`). Each is
exported as a user would, and once more by litert-torch with ai-edge-quantizer, and by onnx2tf; each
step is a child process within limits. Every file that comes out is run in onnxruntime or LiteRT
directly and compared with PyTorch in float64 on photos that no tool calibrated on.

Weights are random but calm (`rows/build.py`): a float file passes within what float32 holds, an
int8 file where edgeconv found every operator right and its SQNR is 10 dB or, where the net allows
less, no more than 1 dB below a peer's.

Exits 1 where fewer than 95 % of the nets or 90 % of the idioms pass in all four files, where a row
is wrong, ends in a traceback, hangs or is refused without a file and line, or where a peer converts
more than three rows that edgeconv does not.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from _markdown import show_table
from _process import ROOT

sys.path.insert(0, str(ROOT))

from idioms import IDIOMS
from rows import tools
from rows.limited import Limits
from rows.nets import NETS
from rows.verdicts import (
    COLUMNS,
    PEERS,
    file_of,
    missed_bounds,
    peer_alone,
    peer_converts,
    row_verdicts,
)

TOOLS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "edgeconv": tools.edgeconv,
    "litert": tools.litert,
    "onnx2tf": tools.onnx2tf,
}
Rows = dict[str, Any]


def main() -> int:
    parsed = arguments().parse_args()
    names = chosen(parsed)
    rows: Rows = {}
    if parsed.resume and parsed.rows.is_file():
        rows = json.loads(parsed.rows.read_text(encoding="utf-8"))
    kept = threading.Lock()

    def done(name: str) -> None:
        found = covered(name, rows.get(name, {}), parsed)
        with kept:
            rows[name] = found
            parsed.rows.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
            print(name, *row_verdicts(found).values(), sep="; ", file=sys.stderr, flush=True)

    with ThreadPoolExecutor(parsed.jobs) as pool:
        list(pool.map(done, names))
    return show({name: rows[name] for name in names})


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", help="rows whose names hold one of these words")
    parser.add_argument("--kind", choices=("nets", "idioms"))
    parser.add_argument("--jobs", type=int, default=1, help="rows at once")
    parser.add_argument("--tools", default=",".join(TOOLS))
    parser.add_argument("--rows", type=Path, default=Path("coverage.json"), help="kept here")
    parser.add_argument("--resume", action="store_true", help="keep what the rows' file has")
    parser.add_argument("--keep", type=Path, help="every tool's files that run, for latency.py")
    parser.add_argument("--recipe", default="default", help="edgeconv's --recipe")
    parser.add_argument("--cpu-s", type=int, default=600, help="processor seconds of a step")
    parser.add_argument("--memory-gib", type=int, default=16, help="address space of a step")
    return parser


def chosen(parsed: argparse.Namespace) -> list[str]:
    """The rows that the command line asks for."""
    names = [*(NETS if parsed.kind != "idioms" else ()), *(IDIOMS if parsed.kind != "nets" else ())]
    words = parsed.only.split(",") if parsed.only else [""]
    found = [name for name in names if any(word in name for word in words)]
    if not found:
        raise SystemExit(f"no row's name holds {parsed.only}; see rows/nets.py and idioms/")
    return found


def covered(name: str, known: Rows, parsed: argparse.Namespace) -> Rows:
    """The row with what every tool asked for made of it."""
    missing = [tool for tool in parsed.tools.split(",") if tool not in known]
    if not missing:
        return known
    limits = Limits(parsed.cpu_s, parsed.memory_gib)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        ended = tools.prepare(name, folder, limits)
        if ended.code != 0:
            return {**known, "unbuilt": ended.log[-2000:]}
        found = {tool: row for tool, row in known.items() if tool != "unbuilt"}
        for tool in missing:
            more = (["--recipe", parsed.recipe],) if tool == "edgeconv" else ()
            found[tool] = TOOLS[tool](name, folder, *more, limits)
        if parsed.keep:
            place = parsed.keep / name.replace("/", "_")
            shutil.copytree(folder / tools.MADE, place, dirs_exist_ok=True)
    return found


def show(rows: Rows) -> int:
    """Prints the table, the counts and what falls short; gives the exit code."""
    show_table(
        (
            "row",
            *COLUMNS,
            "int8 dB: own, litert, onnx2tf",
            "transposes",
            "operators",
            "a peer alone",
        ),
        [cells(name, row) for name, row in rows.items()],
    )
    for column in COLUMNS:
        counts = Counter(row_verdicts(row)[column] for row in rows.values())
        print(f"\n{column}: {', '.join(f'{count} {verdict}' for verdict, count in counts.items())}")
    for peer in PEERS:
        for column in ("tflite", "int8.tflite"):
            count = sum(peer_converts(row, peer, column) for row in rows.values())
            print(f"{peer} {column}: {count} of {len(rows)} right")
    nets = {name: row for name, row in rows.items() if name in NETS}
    idioms = {name: row for name, row in rows.items() if name not in NETS}
    short = missed_bounds(nets, idioms)
    print("\n".join(["", *short] if short else ["", "every bound is kept"]))
    return int(bool(short))


def cells(name: str, row: Rows) -> list[str]:
    """One row of the table; int8 figures of the int8 TFLite files, own first, then the peers'."""
    files = [file_of(row.get(tool), "int8.tflite") for tool in ("edgeconv", *PEERS)]
    return [
        name,
        *row_verdicts(row).values(),
        joined(None if file is None else file.sqnr_db for file in files),
        joined(None if file is None else file.layout_changes for file in files),
        joined(None if file is None else file.operators for file in files),
        ", ".join(peer_alone(row)),
    ]


def joined(figures: Iterable[float | None]) -> str:
    """Figures of several tools side by side; a dash where a tool has none."""
    return " / ".join("-" if figure is None else f"{figure:.4g}" for figure in figures)


if __name__ == "__main__":
    sys.exit(main())
