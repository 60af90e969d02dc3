"""What each model file says of itself, against what stands beside it in the bundle.

Labels and preprocessing are told twice: by labels.txt and the manifest, which an app reads, and in
the metadata of every file, for whoever has that file alone. Whoever loses a label, or swaps two
channels' means, has made files no less right that are used wrongly.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from edgeconv.bundle.identity import Identity
from edgeconv.documents import NotJson, parse
from edgeconv.errors import ArtifactRefused
from edgeconv.runtime.open import engine_of, has_engine
from edgeconv.runtime.plain import shortened
from edgeconv.runtime.protobuf import Damaged, Reader
from edgeconv.verify.parity.stages import StageResult

#: ModelProto.metadata_props, and the fields of its entries.
_METADATA_PROPS, _KEY, _VALUE = 14, 1, 2
#: The stage's name.
STAGE = "labels and preprocessing"


def check(artifacts: Mapping[str, Path], told: Identity) -> StageResult:
    """Whether every file says of itself what the bundle says of it.

    A TFLite file is read where LiteRT is installed, which brings its schema.

    Args:
        artifacts: the files by their short names.
        told: by labels.txt and the manifest.

    Raises:
        ArtifactRefused: a file cannot be read.
    """
    wanted = told.onnx_metadata()
    by_difference: dict[str, list[str]] = {}
    readable = {n: p for n, p in artifacts.items() if _is_onnx(p) or has_engine(p)}
    for name, path in readable.items():
        for difference in _differences(_own_words(path), wanted):
            by_difference.setdefault(difference, []).append(name)
    wrong = [f"{difference} ({', '.join(names)})" for difference, names in by_difference.items()]
    return StageResult(
        STAGE,
        a="labels.txt and manifest.json",
        b="what each file says of itself",
        passed=not wrong,
        note="; ".join(wrong),
    )


def _own_words(path: Path) -> Mapping[str, str]:
    if _is_onnx(path):
        return _of_onnx(path)
    from edgeconv.files.tflite import file as tflite

    try:
        found = parse(tflite.read(path).metadata.get("edgeconv", b"{}"))
    except NotJson as error:
        raise ArtifactRefused(f"{path}: what it says of itself is no JSON: {error}") from error
    return found if isinstance(found, dict) else {}


def _is_onnx(path: Path) -> bool:
    return engine_of(path) == "onnxruntime"


def _of_onnx(path: Path) -> dict[str, str]:
    """The entries of `metadata_props`, off the file's bytes: who runs bundles has no onnx."""
    try:
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            reader = Reader(content)
            entries = [
                {
                    field: reader.bytes_of(text).decode("utf-8", "replace")
                    for field, text in reader.inner(span)
                }
                for number, span in reader.inner(reader.whole)
                if number == _METADATA_PROPS
            ]
    except (Damaged, OSError, ValueError) as error:
        raise ArtifactRefused(f"{path} is no ONNX file: {error}") from error
    return {entry.get(_KEY, ""): entry.get(_VALUE, "") for entry in entries}


def _differences(own: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[str]:
    """What a file says otherwise; entries of other tools do not count."""
    keys = dict.fromkeys((*wanted, *(key for key in own if key.startswith("edgeconv."))))
    for key in keys:
        mine, other = own.get(key), wanted.get(key)
        if mine != other:
            told = _of_labels if key == "edgeconv.labels" else _of_a_value
            yield f"files say {told(mine, other)}"


def _of_a_value(own: str | None, wanted: str | None) -> str:
    return f"{_shown(own)}, the manifest {_shown(wanted)}"


def _of_labels(own: str | None, wanted: str | None) -> str:
    """The first line of labels.txt that is not the file's."""
    names, lines = _names(own), _names(wanted)
    if not names or not lines:
        return f"{len(names)} labels, labels.txt {len(lines)}"
    pairs = zip(names, lines, strict=False)
    at = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(names), len(lines)))
    line = _shown(lines[at]) if at < len(lines) else "missing"
    name = _shown(names[at]) if at < len(names) else "none"
    return f"{name} where line {at + 1} of labels.txt is {line}"


def _names(text: str | None) -> list[Any]:
    try:
        found = json.loads(text or "[]")
    except ValueError:
        return []
    return found if isinstance(found, list) else []


def _shown(value: object) -> str:
    return "nothing" if value is None else shortened(str(value))
