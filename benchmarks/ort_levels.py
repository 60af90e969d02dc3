"""Do older onnxruntimes compute what the files say, at every level of graph optimization?

    python benchmarks/ort_levels.py BUNDLE... [--versions 1.17.3,1.20.1]

Installs each version into an environment of its own (`.env-ort/VERSION` beside this file; git
ignores it), runs every ONNX file of the bundles there on their golden photos, and prints the SQNR
against the reference in dB, level by level. Exits 1 where a level is more than a decibel below the
same version with optimizations off. A file that a version cannot load is shown as "-".
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import venv
from pathlib import Path

VERSIONS = "1.17.3,1.20.1,1.22.1,1.25.1"
LEVELS = ("DISABLE_ALL", "ENABLE_BASIC", "ENABLE_EXTENDED", "ENABLE_ALL")
#: How far below the file with optimizations off a level may be: a step here and there.
MOST_LOST_DB = 1.0
#: Runs in the other environment: a file, a bundle's golden vectors, a level; prints the SQNR.
RUN = """
import sys
import numpy as np
import onnxruntime

path, golden, level = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.log_severity_level = 4
options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_{level}")
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
(spec,) = session.get_inputs()
arrays = np.load(golden)
fed = arrays["input_float32_nchw"]
if spec.type == "tensor(uint8)":
    fed = arrays["input_pixels_nhwc"].transpose(0, 3, 1, 2)
size = spec.shape[0] if isinstance(spec.shape[0], int) else 1
signal = noise = 0.0
for start in range(0, len(fed), size):
    results = session.run(None, {spec.name: np.ascontiguousarray(fed[start : start + size])})
    for output, found in zip(session.get_outputs(), results):
        wanted = arrays[f"reference_{output.name}"][start : start + size].astype(np.float64)
        signal += (wanted**2).sum()
        noise += ((wanted - found) ** 2).sum()
print(10 * np.log10(signal / max(noise, 1e-30)))
"""


def main() -> int:
    """Prints a table; 1 where a level loses more than `MOST_LOST_DB`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundles", nargs="+", type=Path)
    parser.add_argument("--versions", default=VERSIONS, help=f"default {VERSIONS}")
    options = parser.parse_args()
    lost = 0
    print(f"{'version':9}{'file':44}" + "".join(f"{level:>17}" for level in LEVELS))
    for version in options.versions.split(","):
        python = environment(version)
        for bundle in options.bundles:
            for path in sorted(bundle.glob("*.onnx")):
                found = [measured(python, path, bundle / "golden.npz", level) for level in LEVELS]
                plain = found[0]
                bad = plain is not None and any(
                    db is None or db < plain - MOST_LOST_DB for db in found[1:]
                )
                lost += bad
                shown = "".join(f"{'-' if db is None else format(db, '.1f'):>17}" for db in found)
                name = f"{bundle.name}/{path.name}"
                print(f"{version:9}{name:44}{shown}{'  LOST' if bad else ''}", flush=True)
    return 1 if lost else 0


def environment(version: str) -> Path:
    """The interpreter of an environment with that onnxruntime, made where there is none yet."""
    place = Path(__file__).resolve().parent / ".env-ort" / version
    python = place / "bin" / "python"
    if not (place / "ready").exists():
        venv.create(place, with_pip=True, clear=True)
        # The releases before 1.19 were built for NumPy 1.
        packages = [f"onnxruntime=={version}", "numpy<2"]
        command = [python, "-m", "pip", "install", "--quiet", *packages]
        subprocess.run([str(word) for word in command], check=True)
        (place / "ready").touch()
    return python


def measured(python: Path, path: Path, golden: Path, level: str) -> float | None:
    """SQNR of a file at one level, None where that version cannot run it."""
    command = [str(word) for word in (python, "-c", RUN, path, golden, level)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return float(done.stdout) if done.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
