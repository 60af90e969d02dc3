"""Settle what a caller asks for with what the weights say: it may repeat, but not contradict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgeconv.data.preprocessing import Preprocessing, scaled_to
from edgeconv.errors import RefusedError, UsageError, WeightsRefused
from edgeconv.nets.file_metadata import FileMetadata
from edgeconv.nets.labels import categories
from edgeconv.nets.spec import NetSpec, OptionValue, PublishedPreprocessing
from edgeconv.nets.state_files import StateFile


def agreed_options(
    spec: NetSpec, given: Mapping[str, Any], metadata: FileMetadata, path: Path
) -> dict[str, OptionValue]:
    """Every option of the net: the file's, or those asked for where the file is silent.

    Raises:
        UsageError: one asked for cannot be, or contradicts the file.
        WeightsRefused: the file states one that cannot be.
    """
    explicit = spec.resolve_options(given)
    try:
        stated = spec.resolve_options(metadata.net_options)
    except UsageError as error:
        raise WeightsRefused(f"{path}: net_options in its metadata: {error}") from error
    for name in given:
        if spec.options[name].keeps_weights:
            continue
        if name in metadata.net_options and explicit[name] != stated[name]:
            raise _contradiction(name, explicit[name], stated[name], path)
    return {name: explicit[name] if name in given else stated[name] for name in stated}


def agreed_keywords(given: Mapping[str, Any], metadata: FileMetadata, path: Path) -> dict[str, Any]:
    """Keywords for a user's factory: the file's, and those asked for where the file is silent.

    Raises:
        UsageError: one asked for contradicts the file.
    """
    for name, value in given.items():
        if name in metadata.net_options and metadata.net_options[name] != value:
            raise _contradiction(name, value, metadata.net_options[name], path)
    return {**given, **metadata.net_options}  # where both speak, they say the same


def _contradiction(name: str, asked: object, stated: object, path: Path) -> UsageError:
    return UsageError(
        f"{name}={asked} was asked for, but {path} holds weights for {name}={stated}; "
        "leave the option out or give other weights"
    )


def agreed_classes(spec: NetSpec, asked: int | None, state: StateFile) -> int:
    """The number of classes that the rows of the file's last layer are for.

    Raises:
        UsageError: another number was asked for.
    """
    weight = state.tensors.get(f"{spec.classifier}.weight")
    if weight is None or weight.dim() == 0 or not 0 < weight.shape[0] <= weight.numel():
        return asked or spec.classes  # not this net's file; naming the keys comes later
    rows = int(weight.shape[0])
    found = max(rows // spec.classifier_rows, spec.fewest_classes)
    if asked not in (None, found):
        raise UsageError(
            f"{asked} classes were asked for, but {state.path} was trained for {found} "
            f"({spec.classifier}.weight has {rows} rows); "
            "leave --classes out or give other weights"
        )
    return found


def agreed_preprocessing(
    spec: NetSpec | None,
    published: PublishedPreprocessing,
    overriding: Mapping[str, Any],
    input_size: tuple[int, int] | None,
    origin: str = "",
    options: Mapping[str, OptionValue] = {},
) -> Preprocessing:
    """Published values, then a file's, then the size asked for.

    Raises:
        WeightsRefused: a value of the file's cannot be.
        UsageError: the net cannot take the size.
    """
    fields = {**asdict(published), **overriding}
    try:
        preprocessing = Preprocessing.from_json(fields)
    except RefusedError as error:
        raise WeightsRefused(f"{origin}: {error}") from error
    return resized(preprocessing, spec, input_size, options)


def resized(
    preprocessing: Preprocessing,
    spec: NetSpec | None,
    input_size: tuple[int, int] | None,
    options: Mapping[str, OptionValue] = {},
) -> Preprocessing:
    """The size asked for, the resize in proportion to its longer side.

    Raises:
        UsageError: the net cannot take the size.
    """
    if input_size is not None and input_size != preprocessing.input_size:
        preprocessing = scaled_to(preprocessing, input_size)
    if spec is not None:
        spec.require_size(preprocessing.input_size, options)
    return preprocessing


def agreed_labels(
    spec: NetSpec, metadata: FileMetadata, classes: int, path: Path
) -> tuple[str, ...] | None:
    """The file's labels; those of the net's own set where it has none and the numbers agree.

    Raises:
        WeightsRefused: there are more or fewer labels than classes.
    """
    if metadata.labels is None:
        names = categories(spec.labels) if spec.labels else ()
        return names if len(names) == classes else None
    if len(metadata.labels) != classes:
        raise WeightsRefused(
            f"{path} names {len(metadata.labels)} labels in its metadata for {classes} classes"
        )
    return metadata.labels
