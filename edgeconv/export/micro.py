"""Files for devices without an operating system, tried in TensorFlow Lite Micro's interpreter.

The package `tflite-micro` has the interpreter that runs on a microcontroller, with its reference
kernels. A file is run on golden samples by processes of their own: that tells whether every
operator is there, how much memory the tensors take (the arena), and whether it gives what LiteRT
gives.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.bundle.artifacts import FILES
from edgeconv.errors import ArtifactRefused, UnavailableError
from edgeconv.export import micro_run
from edgeconv.files.tflite.file import read
from edgeconv.runtime.adapt import Samples, dequantize, fed_batches
from edgeconv.runtime.open import open_session
from edgeconv.runtime.plain import foreign
from edgeconv.runtime.session import Session, SessionOptions

ARTIFACT = "int8.tflite"
HEADER = f"{FILES[ARTIFACT].removesuffix('.tflite')}.h"

#: Room for the tensors while the arena is measured; no microcontroller has a hundredth of it.
_GENEROUS_BYTES = 2**29
_LIMIT_S = 600
#: That a file is run on; its kernels take a hundred times as long as those of a phone.
_MOST_SAMPLES = 4
_ARENA = re.compile(r"Arena allocation total (\d+) bytes")
#: The interpreter that has `tflite_micro`.
_PYTHON = sys.executable
#: Names of the resolver that the operators' own words do not give.
_ODD_WORDS = {"CUMSUM": "CumSum", "PADV2": "PadV2", "BATCH_MATMUL": "BatchMatMul"}
_BYTES_A_LINE = 16


@dataclass(frozen=True)
class Tried:
    """What the interpreter made of a file.

    Attributes:
        arena_bytes: that the tensors took on this 64-bit machine; pointers are half as long on a
            device of 32 bits, which needs a little less.
        operators: that the file is made of, each once, by the schema's names.
    """

    arena_bytes: int
    operators: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The manifest's `micro`."""
        return {
            "arena_bytes": self.arena_bytes,
            "operators": list(self.operators),
            "header": HEADER,
        }


def require_interpreter() -> None:
    """Raises UnavailableError where the interpreter is not installed."""
    command = [_PYTHON, "-c", "import tflite_micro"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        raise UnavailableError(
            "--for micro runs the file in TensorFlow Lite Micro's interpreter, which is not "
            "installed: pip install tflite-micro"
        )


def tried(path: Path, samples: Samples) -> Tried:
    """Runs an int8 file on the first few of some samples.

    Raises:
        ArtifactRefused: the interpreter lacks an operator or crashes, or gives something else than
            LiteRT does.
    """
    fast, slow = (
        open_session(path, SessionOptions(kernels=kernels)) for kernels in ("default", "reference")
    )
    said = ""
    for feeds in fed_batches(slow, samples[:_MOST_SAMPLES]):
        outputs, said = _run(path, feeds, len(slow.outputs))
        _require_like(path, slow, outputs, fast.run(feeds), slow.run(feeds))
    arena = _ARENA.search(said)
    if arena is None:
        raise ArtifactRefused(f"{path.name}: TensorFlow Lite Micro tells no arena: {foreign(said)}")
    return Tried(int(arena[1]), tuple(sorted({operator.code for operator in read(path).operators})))


def _run(path: Path, feeds: Sequence[NDArray[Any]], outputs: int) -> tuple[list[NDArray[Any]], str]:
    """What the interpreter gives, and says."""
    with tempfile.TemporaryDirectory() as place:
        fed, given = Path(place, "fed.npz"), Path(place, "given.npz")
        np.savez(fed, *feeds)
        words = [micro_run.__file__, path.absolute(), fed, given, outputs, _GENEROUS_BYTES]
        try:
            done = subprocess.run(
                [_PYTHON, *map(str, words)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ArtifactRefused(
                f"{path.name}: one run in TensorFlow Lite Micro took more than {_LIMIT_S} s"
            ) from error
        said = (done.stdout + done.stderr).decode(errors="replace")
        if done.returncode or not given.is_file():
            raise ArtifactRefused(_why_not(path, said))
        with np.load(given) as arrays:
            return [arrays[name] for name in arrays.files], said


def _why_not(path: Path, said: str) -> str:
    lines = [line for line in said.splitlines() if "op for builtin" in line or "Error" in line]
    why = foreign("; ".join(lines[:2]) or said or "it crashed")
    return (
        f"{path.name} does not open in TensorFlow Lite Micro: {why}; change the module there, or "
        "export it without --for micro"
    )


def _require_like(
    path: Path,
    session: Session,
    outputs: Sequence[NDArray[Any]],
    fast: Sequence[NDArray[Any]],
    slow: Sequence[NDArray[Any]],
) -> None:
    """Raises ArtifactRefused unless outputs are LiteRT's, as near as its own two kernels come.

    Twice as far as those are from each other is allowed, or a step of the output's grid, as a root
    mean square.
    """
    for spec, *arrays in zip(session.outputs, outputs, fast, slow, strict=True):
        own, other, reference = (dequantize(array, spec).astype(np.float64) for array in arrays)
        allowed = max(2 * _rms(other - reference), spec.scale or 1e-5 * _rms(reference))
        if own.shape != reference.shape or not _rms(own - reference) <= allowed:
            raise ArtifactRefused(
                f"{path.name}: TensorFlow Lite Micro gives {spec.name} otherwise than LiteRT, by "
                f"{_rms(own - reference):.3g} where {allowed:.3g} are its kernels' own; export it "
                "without --for micro"
            )


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else 0.0


def write_header(path: Path, name: str, found: Tried) -> None:
    """Writes a C++ header beside a file: its bytes, its arena, the operators for a resolver."""
    array = f"{path.stem}_tflite".replace(".", "_")
    table = [f"0x{byte:02x}," for byte in range(256)]
    content = path.read_bytes()
    starts = range(0, len(content), _BYTES_A_LINE)
    rows = (" ".join(table[b] for b in content[at : at + _BYTES_A_LINE]) for at in starts)
    added = "\n".join(f"  resolver.Add{resolver_name(code)}();" for code in found.operators)
    text = f"""// {foreign(name)}: {path.name} for TensorFlow Lite Micro.
// Include it in one source file.
#pragma once

constexpr int kOperators = {len(found.operators)};
// What the tensors took on a 64-bit machine; a device of 32 bits needs a little less.
constexpr int kArenaBytes = {found.arena_bytes};

// For a tflite::MicroMutableOpResolver<kOperators>.
template <typename Resolver>
void AddOperators(Resolver& resolver) {{
{added}
}}

constexpr unsigned int {array}_len = {len(content)};
alignas(16) const unsigned char {array}[] = {{
"""
    body = "\n".join(rows)
    path.with_name(HEADER).write_text(f"{text}{body}\n}};\n", encoding="utf-8")


def resolver_name(code: str) -> str:
    """What the resolver's method for an operator is called behind `Add`: CONV_2D, Conv2D."""
    if code in _ODD_WORDS:
        return _ODD_WORDS[code]
    return "".join(word if word == "2D" else word.capitalize() for word in code.split("_"))
