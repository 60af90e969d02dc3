"""Rows and documents that are made for tests."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from edgeconv.summary.row import Accuracy, Answer, Collection, Latency, ModelFile, Row, Source, Step
from edgeconv.verify.tasks.figures import Estimate

HOSTILE = "</script><script>document.title = 'taken'</script><img src=x onerror=alert(1)>\x1b[31m"


def latency(*medians: float, noisy: bool = False, threads: int = 1) -> Latency:
    middle = sorted(medians)[len(medians) // 2]
    interval = Estimate(middle, middle * 0.97, middle * 1.03)
    verdict = "too noisy" if noisy else "steady"
    return Latency(interval, noisy, verdict, medians, None, 12.0, threads, 1)


def accuracy(lost: int, gained: int, photos: int = 500, differing: int = 0) -> Accuracy:
    agreement = 1 - (lost + gained) / photos
    value = 0.7 - (lost - gained) / photos
    return Accuracy(
        "classification",
        "top-1",
        "share",
        "local",
        photos,
        Estimate(value, value - 0.04, value + 0.04),
        Estimate(agreement, agreement - 0.01, min(1.0, agreement + 0.01)),
        Estimate(100 * (lost - gained) / photos, -1.0, 1.0),
        lost,
        gained,
        tuple(Answer(f"{i}.png", "1", "2", "3") for i in range(differing)),
    )


def row(name: str, device: str = "rpi4", **members: Any) -> Row:
    file = ModelFile(
        sha256=hashlib.sha256(name.encode()).hexdigest(),
        net=name,
        name="int8.tflite",
        precision="int8",
        format="tflite",
        input_size=(224, 224),
        size_bytes=1_000_000 + len(name),
        multiply_adds=300_000_000,
        int8_share=1.0,
        parity=members.pop("parity", "passed"),
        steps=(Step("correct biases", True, 0.7),),
        stages=("int8.tflite: passed, 30.1 dB",),
    )
    source = Source("bench.json", "bench", "2026-11-30 10:00", versions=("numpy 2.4",))
    given = {"accuracy": None, "latency": None, "engine": "litert", **members}
    return Row(file, device, sources=(source,), **given)


def collection(*rows: Row) -> Collection:
    return Collection(rows)


def write(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path
