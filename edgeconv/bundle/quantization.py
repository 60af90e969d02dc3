"""quantization.json: what the int8 files were made by, tensor by tensor.

No app needs it; `diagnose` and `explain` do. It is there where the manifest has `quantization`,
which keeps what a person asks for: the recipe, the photos, what stayed in float.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edgeconv.bundle.form import is_grid
from edgeconv.documents import Form
from edgeconv.errors import BundleRefused

FILE_NAME = "quantization.json"
FORM = Form(
    what="record of a quantization",
    key="format",
    number=2,
    most_bytes=16 * 2**20,
    refusal=BundleRefused,
    remedy="export the net again",
)


def write(
    directory: Path, repairs: Mapping[str, Any], tensors: Mapping[str, Any]
) -> dict[str, Any]:
    """Writes the file; gives it as it will be read.

    Args:
        directory: the bundle's.
        repairs: what was done to channels (`quantize.repair.repairs`).
        tensors: grids of the plan (`quantize.plan.summary`).
    """
    document = {"format": FORM.number, "repairs": repairs, "tensors": tensors}
    text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    (directory / FILE_NAME).write_text(text + "\n", encoding="utf-8")
    return dict(json.loads(text))


def read(directory: Path) -> dict[str, Any]:
    """Reads the file and checks its form.

    Raises:
        BundleRefused: it is missing, no JSON, or of another form.
    """
    path = directory / FILE_NAME
    try:
        document = FORM.read(path)
    except OSError as error:
        why = error.strerror or str(error)
        raise BundleRefused(f"{path} cannot be read: {why}; {FORM.remedy}") from error
    if wrong := next(_problems(document), None):
        raise FORM.refused(path, wrong)
    return document


def _problems(document: Mapping[str, Any]) -> Iterator[str]:
    for key in ("repairs", "tensors"):
        if not isinstance(document.get(key), dict):
            yield f"its {key} is no dict"
    grids = document["tensors"].get("activations")
    if grids is not None and not isinstance(grids, dict):
        yield "its tensors.activations is no dict"
    for name, grid in (grids or {}).items():
        if not is_grid(grid):
            yield f"its tensors.activations.{name[:60]!a} is not scale and zero_point"
