"""Times one TFLite file in this process, as an app runs it: LiteRT with XNNPACK.

    python _litert_run.py FILE THREADS RUNS     prints {"wall_ms": [...], "cpu_ms": [...]}

Only LiteRT and NumPy are imported, nothing of edgeconv or of another tool.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from ai_edge_litert.interpreter import Interpreter

WARMUP_S = 0.5


def main() -> None:
    path, threads, runs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
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
    wall_ms, cpu_ms = [], []
    for _ in range(runs):
        wall, cpu = time.perf_counter(), time.process_time()
        interpreter.invoke()
        cpu_ms.append((time.process_time() - cpu) * 1e3)
        wall_ms.append((time.perf_counter() - wall) * 1e3)
    print(json.dumps({"wall_ms": wall_ms, "cpu_ms": cpu_ms}))


if __name__ == "__main__":
    main()
