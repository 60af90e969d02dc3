"""What became of a row, judged from exit codes, logs and figures alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal[
    "passes",
    "missed",
    "refused at a line",
    "refused",
    "wrong",
    "traceback",
    "hangs",
    "not run",
]

#: The files of edgeconv's that are judged, and of the peers'.
COLUMNS = ("onnx", "int8.onnx", "tflite", "int8.tflite")
PEERS = ("litert", "onnx2tf")

#: Largest error of a float file, relative to the largest value, or as a multiple of PyTorch's own.
FLOAT_ERROR, OWN_ERRORS = 1e-4, 10.0
#: An int8 file is as good as its random net allows from here on, or where no peer's is better by
#: more than the margin.
LEAST_DB, MARGIN_DB = 10.0, 1.0
#: Share of whole numbers and truths that is the same in a right float file; int8 flips near-ties.
SAME = 0.99
#: Judged bounds: shares of nets and idioms that pass everywhere, rows that a peer alone converts.
NETS_PASS, IDIOMS_PASS, PEER_ALONE = 0.95, 0.90, 3

_REFUSED, _OWN_FAULT = 4, 70
_MISSED = re.compile(r"^error: parity missed its threshold: (.*)$", re.MULTILINE)
_PLACE = re.compile(r"[\w./-]+\.py:\d+")


@dataclass(frozen=True)
class File:
    """One file of a tool.

    Attributes:
        figures: of each output, as `check.py` prints them; empty where the file could not be run.
        error: why it could not be run.
        layout_changes: transposes in it.
        operators: in it.
    """

    figures: Sequence[Mapping[str, float]] = ()
    error: str = ""
    layout_changes: int | None = None
    operators: int | None = None

    @property
    def sqnr_db(self) -> float | None:
        """Of the worst output that holds real numbers."""
        return min((f["sqnr_db"] for f in self.figures if "sqnr_db" in f), default=None)


def float_verdict(file: File) -> Verdict:
    """Of a float file that was written: what float32 can hold, or wrong."""
    right = bool(file.figures) and all(map(_holds, file.figures))
    return "passes" if right else "wrong"


def int8_verdict(file: File, peers: Iterable[File]) -> Verdict:
    """Of an int8 file that was written: as accurate as the net's weights allow, or wrong."""
    if not file.figures:
        return "wrong"
    own = file.sqnr_db
    if own is None or own >= LEAST_DB:
        return "passes"
    best = max((db for peer in peers if (db := peer.sqnr_db) is not None), default=own)
    return "passes" if own >= best - MARGIN_DB else "wrong"


def unwritten_verdict(code: int | None, log: str) -> Verdict:
    """Of a file that a command was asked for and did not write."""
    if code is None:
        return "hangs"
    if "Traceback (most recent call last)" in log or code < 0 or code == _OWN_FAULT:
        return "traceback"
    if code == _REFUSED and _PLACE.search(log):
        return "refused at a line"
    return "refused"


def row_verdicts(row: Mapping[str, Any]) -> dict[str, Verdict]:
    """Of edgeconv's four files, from what a run kept of the row."""
    own = row.get("edgeconv")
    if own is None:
        return dict.fromkeys(COLUMNS, "not run")
    verdicts: dict[str, Verdict] = {}
    for column in COLUMNS:
        ended = own["commands"][column]
        file = file_of(own, column)
        if file is None:
            verdicts[column] = unwritten_verdict(ended["code"], ended["log"])
            continue
        peers = [each for peer in PEERS if (each := file_of(row.get(peer), column))]
        judged = int8_verdict(file, peers) if "int8" in column else float_verdict(file)
        missed = judged == "passes" and any(_concerns(s, column) for s in missed_stages(ended))
        verdicts[column] = "missed" if missed else judged
    return verdicts


def missed_stages(ended: Mapping[str, Any]) -> list[str]:
    """The names of edgeconv's own checks that failed, from what `export` said last."""
    found = _MISSED.search(ended["log"])
    return [] if found is None else found.group(1).split("; ")


def _concerns(stage: str, column: str) -> bool:
    """Whether a failed check is of a column's file; what SQNR is enough, peers say."""
    if "int8" in column:
        return stage == "int8 operators" or " against " in stage
    return stage.startswith(column)


def peer_converts(row: Mapping[str, Any], peer: str, column: str) -> bool:
    """Whether a peer's file of that column is there and as right as edgeconv's has to be."""
    file = file_of(row.get(peer), column)
    if file is None:
        return False
    judged = int8_verdict(file, ()) if "int8" in column else float_verdict(file)
    low = "int8" in column and file.sqnr_db is not None and file.sqnr_db < LEAST_DB
    return judged == "passes" and not low


def peer_alone(row: Mapping[str, Any]) -> list[str]:
    """The columns that a peer converts and edgeconv does not, as "litert int8.tflite"."""
    verdicts = row_verdicts(row)
    return [
        f"{peer} {column}"
        for peer in PEERS
        for column in COLUMNS
        if verdicts[column] not in ("passes", "not run") and peer_converts(row, peer, column)
    ]


def file_of(tool: Mapping[str, Any] | None, column: str) -> File | None:
    """A tool's file of a column, None where it wrote none."""
    found = (tool or {}).get("files", {}).get(column)
    return None if found is None else File(**found)


def passes(row: Mapping[str, Any]) -> bool:
    """Whether all four files pass."""
    return all(verdict == "passes" for verdict in row_verdicts(row).values())


def missed_bounds(nets: Mapping[str, Any], idioms: Mapping[str, Any]) -> list[str]:
    """What falls short of the judged bounds, a sentence each."""
    found = []
    groups = (("nets", nets, NETS_PASS), ("idioms", idioms, IDIOMS_PASS))
    for kind, rows, bound in groups:
        share = sum(map(passes, rows.values())) / max(len(rows), 1)
        if rows and share < bound:
            found.append(f"{share:.1%} of the {kind} pass in all four files; {bound:.0%} should")
    every = {**nets, **idioms}
    unbuilt = [name for name, row in every.items() if "unbuilt" in row]
    if unbuilt:
        found.append(f"cannot be built or run in PyTorch: {', '.join(unbuilt)}")
    for bad in ("wrong", "traceback", "hangs", "refused", "missed"):
        named = [name for name, row in every.items() if bad in row_verdicts(row).values()]
        if named:
            found.append(f"{bad}: {', '.join(named)}")
    alone = [name for name, row in every.items() if peer_alone(row)]
    if len(alone) > PEER_ALONE:
        found.append(f"a peer alone converts {len(alone)} rows: {', '.join(alone)}")
    return found


def _holds(figures: Mapping[str, float]) -> bool:
    if "equal" in figures:
        return figures["equal"] >= SAME
    return figures["error"] <= max(FLOAT_ERROR, OWN_ERRORS * figures["own_error"])
