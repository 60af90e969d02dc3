"""Runs a file once in TensorFlow Lite Micro's interpreter; a program of its own.

    python micro_run.py MODEL FED.npz GIVEN.npz OUTPUTS ARENA_BYTES

It imports nothing of edgeconv. What the interpreter says, with the arena that it took, goes to
standard error.
"""

from __future__ import annotations

import sys

import numpy as np


def main(model: str, fed: str, given: str, outputs: str, arena_bytes: str) -> None:
    """Runs it on the arrays of a file; writes what its outputs give."""
    from tflite_micro import runtime  # type: ignore[import-not-found]  # nobody else needs it

    interpreter = runtime.Interpreter.from_file(model, arena_size=int(arena_bytes))
    with np.load(fed) as arrays:
        for index, name in enumerate(arrays.files):
            interpreter.set_input(arrays[name], index)
    interpreter.invoke()
    np.savez(given, *(interpreter.get_output(index) for index in range(int(outputs))))
    interpreter.print_allocations()


if __name__ == "__main__":
    main(*sys.argv[1:])
