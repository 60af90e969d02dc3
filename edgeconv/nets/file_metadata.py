"""What the header of a `.safetensors` file says about its net, beside the tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeconv.documents import NotJson, parse
from edgeconv.errors import WeightsRefused
from edgeconv.nets.labels import is_label

_PREPROCESSING_KEYS = ("input_size", "resize", "mean", "std")


@dataclass(frozen=True)
class FileMetadata:
    """Typed content of the header; None or empty where it says nothing.

    Attributes:
        net: name of the net the tensors belong to.
        net_options: its options.
        preprocessing: fields of `data.preprocessing.Preprocessing`, as JSON types.
        labels: class names in the order of the logits.
        source: where the weights come from.
        license: under what terms.
    """

    net: str | None
    net_options: Mapping[str, Any]
    preprocessing: Mapping[str, Any]
    labels: tuple[str, ...] | None
    source: str | None
    license: str | None


def parse_metadata(metadata: Mapping[str, str], path: Path) -> FileMetadata:
    """Type the text values of a header.

    Raises:
        WeightsRefused: a value is no JSON or of the wrong kind.
    """
    fields = {
        key: _json(metadata[key], key, path) for key in _PREPROCESSING_KEYS if key in metadata
    }
    side = fields.get("input_size")
    if isinstance(side, int):
        fields["input_size"] = [side, side]
    if "interpolation" in metadata:
        fields["interpolation"] = metadata["interpolation"]
    return FileMetadata(
        net=metadata.get("net"),
        net_options=_options(metadata, path),
        preprocessing=fields,
        labels=_labels(metadata, path),
        source=metadata.get("source"),
        license=metadata.get("license"),
    )


def _options(metadata: Mapping[str, str], path: Path) -> dict[str, Any]:
    options = _json(metadata.get("net_options", "{}"), "net_options", path)
    if not isinstance(options, dict):
        raise WeightsRefused(f"{path}: net_options in its metadata is no JSON object")
    return options


def _labels(metadata: Mapping[str, str], path: Path) -> tuple[str, ...] | None:
    if "labels" not in metadata:
        return None
    labels = _json(metadata["labels"], "labels", path)
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise WeightsRefused(f"{path}: labels in its metadata is no JSON list of texts")
    if not all(map(is_label, labels)):
        raise WeightsRefused(f"{path}: a label in its metadata is longer than one line may be")
    return tuple(labels)


def _json(text: str, key: str, path: Path) -> Any:
    try:
        return parse(text)
    except NotJson as error:
        raise WeightsRefused(f"{path}: {key} in its metadata is no JSON: {error}") from error
