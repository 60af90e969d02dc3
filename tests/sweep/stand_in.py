"""A command line that logs its words and times, in place of edgeconv's; an export leaves two files.

One of the two has the same bytes for every net.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

words = sys.argv[1:]
verb, what = words[:2]
begun = time.time()


def log() -> None:
    line = {"words": words, "begun": begun, "ended": time.time()}
    with Path(os.environ["LOG"]).open("a") as file:
        file.write(json.dumps(line) + "\n")


if "slow" in what:
    log()
    time.sleep(60)
if "refused" in what:
    log()
    print("error: what was wrong", file=sys.stderr)
    sys.exit(4)
if "away" in what:
    log()
    print("error: no device", file=sys.stderr)
    sys.exit(3)
if "large" in what:
    bytearray(2**31)
time.sleep(float(os.environ.get("TAKES", "0")))
if verb == "export":
    bundle = Path(words[words.index("--out") + 1])
    bundle.mkdir(parents=True, exist_ok=True)
    (bundle / "model.onnx").write_text("the same")
    (bundle / "model.tflite").write_text(what)
    files = dict.fromkeys(("model.onnx", "model.tflite", "labels.txt"), "")
    (bundle / "manifest.json").write_text(json.dumps({"net": what, "files": files}))
log()
print(json.dumps({"verb": verb}))
