"""Times TFLite files in this process, as an app runs them: LiteRT with XNNPACK.

    python _litert_run.py THREADS RUNS FILE FILE ...

Prints {"wall_ms": [[...], ...], "cpu_ms": [[...], ...]}, a list of RUNS for each file. The files
take turns run by run, in one order and then in the other, so that whatever else the machine does
hits all of them; the inference before a timed one brings a file's weights back into the caches.

Only LiteRT and NumPy are imported, nothing of edgeconv or of another tool.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

WARMUP_S = 0.3


def opened(path: str, threads: int) -> Any:
    """An interpreter with noise at its inputs, warmed up."""
    interpreter = Interpreter(model_path=path, num_threads=threads)
    interpreter.allocate_tensors()
    draw = np.random.default_rng(0)
    for spec in interpreter.get_input_details():
        noise = draw.standard_normal(spec["shape"])
        if spec["dtype"] != np.float32:
            scale, zero_point = spec["quantization"]
            limits = np.iinfo(spec["dtype"])
            noise = np.clip(np.rint(noise / scale) + zero_point, limits.min, limits.max)
        interpreter.set_tensor(spec["index"], noise.astype(spec["dtype"]))
    end = time.perf_counter() + WARMUP_S
    while time.perf_counter() < end:
        interpreter.invoke()
    return interpreter


def main() -> None:
    threads, runs, paths = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    interpreters = [opened(path, threads) for path in paths]
    wall_ms: list[list[float]] = [[] for _ in paths]
    cpu_ms: list[list[float]] = [[] for _ in paths]
    for run in range(runs):
        turns = range(len(paths))
        for i in reversed(turns) if run % 2 else turns:
            interpreters[i].invoke()
            wall, cpu = time.perf_counter(), time.process_time()
            interpreters[i].invoke()
            cpu_ms[i].append((time.process_time() - cpu) * 1e3)
            wall_ms[i].append((time.perf_counter() - wall) * 1e3)
    print(json.dumps({"wall_ms": wall_ms, "cpu_ms": cpu_ms}))


if __name__ == "__main__":
    main()
