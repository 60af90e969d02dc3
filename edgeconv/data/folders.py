"""Folders of photos, and where their labels come from.

A folder holds images directly, or in one level of sub-folders (one for each class). Hidden entries
(a leading dot) and other endings are passed over; deeper folders are not entered.

Labels come from the first of these that is there:

1. the CSV the user names,
2. `FOLDER.csv` beside the folder, or `labels.csv` in it,
3. the sub-folders' names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeconv.data.arrays import LABEL, load_label
from edgeconv.data.arrays import SUFFIXES as TENSOR_SUFFIXES
from edgeconv.data.class_folders import class_indices
from edgeconv.data.images import SUFFIXES
from edgeconv.data.label_csv import read_label_csv
from edgeconv.errors import RefusedError, UsageError

MAX_FILES = 200_000
"""Most images in a folder: four times ImageNet's validation set, about 100 MB of paths."""


@dataclass(frozen=True)
class LabelledImage:
    """An image file and its class.

    Attributes:
        path: the file.
        label: class index, 0-based.
    """

    path: Path
    label: int


def list_images(folder: Path | str) -> list[Path]:
    """Every image file in a folder and its direct sub-folders, sorted by their path in it.

    Nothing is opened: a broken image shows when it is loaded, so that it is named, not skipped.

    Raises:
        UsageError: the folder is missing, no directory, cannot be read, holds no image, or more
            than `MAX_FILES`.
    """
    found = _listed(Path(folder), SUFFIXES)
    if not found:
        raise _holds_no(folder, "image", SUFFIXES)
    return found


def list_samples(folder: Path | str) -> list[Path]:
    """Every image of a folder as `list_images` finds them, or every sample of tensors.

    Raises:
        UsageError: as `list_images`, or the folder holds both.
    """
    images, tensors = (_listed(Path(folder), each) for each in (SUFFIXES, TENSOR_SUFFIXES))
    if images and tensors:
        raise UsageError(
            f"{folder} holds photos ({images[0].name}, ...) and tensors ({tensors[0].name}, ...); "
            "give a folder of either"
        )
    if not images and not tensors:
        raise _holds_no(folder, "image and no tensor", (*SUFFIXES, *TENSOR_SUFFIXES))
    return images or tensors


def holds_tensors(paths: Sequence[Path]) -> bool:
    """Whether files that `list_samples` found are of tensors."""
    return paths[0].name.lower().endswith(TENSOR_SUFFIXES)


def is_of_tensors(folder: Path) -> bool:
    """Whether a folder holds tensors and no photo; it is listed no further than to the first.

    Raises:
        UsageError: the folder is missing or cannot be listed.
    """
    photo, tensor = (next(_files(folder, each), None) for each in (SUFFIXES, TENSOR_SUFFIXES))
    return photo is None and tensor is not None


def _listed(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The files with these endings, sorted by their path in the folder."""
    found: list[Path] = []
    for path in _files(folder, suffixes):
        found.append(path)
        if len(found) > MAX_FILES:
            raise UsageError(
                f"{folder} holds more than {MAX_FILES:,} files; give a folder with a part of them"
            )
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def _holds_no(folder: Path | str, what: str, suffixes: Sequence[str]) -> UsageError:
    return UsageError(
        f"{folder} and its direct sub-folders hold no {what} (known endings: {', '.join(suffixes)})"
    )


def labelled(
    folder: Path | str,
    labels_csv: Path | str | None = None,
    *,
    class_names: Sequence[str] | None = None,
    classes: int | None = None,
) -> list[LabelledImage]:
    """The images of a folder that have a label, with it.

    With a CSV, in its order, and images it does not list are passed over; with class sub-folders,
    sorted by path.

    Args:
        folder: the images.
        labels_csv: a CSV with the columns `file` (relative to the folder) and `label`.
        class_names: the net's labels; lets names stand for indices in a CSV and in sub-folders.
        classes: how many classes the net has; labels past it are refused.

    Raises:
        UsageError: the folder or CSV is missing, or there is nothing to take labels from.
        RefusedError: the CSV's content cannot be right; names the lines.
    """
    folder = Path(folder)
    _check_folder(folder)
    if classes is None and class_names is not None:
        classes = len(class_names)
    csv_path = Path(labels_csv) if labels_csv is not None else _find_csv(folder)
    if csv_path is not None:
        rows = read_label_csv(csv_path, folder, class_names, classes, limit=MAX_FILES)
        return [LabelledImage(path, label) for path, label in rows]
    samples = list_samples(folder)
    if _hold_classes(samples):
        return _from_arrays(samples, classes)
    return _from_sub_folders(folder, samples, class_names, classes)


def holds_labels(folder: Path) -> bool:
    """Whether anything says which class the samples of a folder are of."""
    samples = list_samples(folder)
    in_sub_folders = any(path.parent != folder for path in samples)
    return _find_csv(folder) is not None or in_sub_folders or _hold_classes(samples)


def _hold_classes(samples: Sequence[Path]) -> bool:
    """Whether samples are of tensors with their class beside them."""
    return holds_tensors(samples) and any(load_label(path) is not None for path in samples)


def _from_arrays(samples: Sequence[Path], classes: int | None) -> list[LabelledImage]:
    """Samples with the class that each file holds."""
    found = []
    for path in samples:
        label = load_label(path)
        if label is None:
            raise UsageError(
                f"{path} holds no {LABEL}, and others beside it do; give each its class"
            )
        if label < 0 or (classes is not None and label >= classes):
            raise RefusedError(
                f"{path} is of class {label}, and the net has {classes}; classes count from 0"
            )
        found.append(LabelledImage(path, label))
    return found


def _from_sub_folders(
    folder: Path,
    samples: Sequence[Path],
    class_names: Sequence[str] | None,
    classes: int | None,
) -> list[LabelledImage]:
    loose = [path for path in samples if path.parent == folder]
    if loose:
        raise UsageError(
            f"{folder} holds {len(loose)} samples without a label ({loose[0].name}, ...); labels "
            f"come from {folder.name}.csv beside it, labels.csv in it, --labels FILE, each with "
            "the columns file,label, or from one sub-folder for each class; to see how far files "
            "agree with float, --task agreement needs none"
        )
    names = sorted(entry.name for entry in _entries(folder) if _is_folder(entry))
    indices = class_indices(folder, names, class_names, classes)
    return [LabelledImage(path, indices[path.parent.name]) for path in samples]


def _find_csv(folder: Path) -> Path | None:
    named = folder.resolve()
    candidates = (named.parent / f"{named.name}.csv", folder / "labels.csv")
    found = [path for path in candidates if path.is_file()]
    if len(found) > 1:
        raise UsageError(f"labels stand in both {found[0]} and {found[1]}; choose with --labels")
    return found[0] if found else None


def _files(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    _check_folder(folder)
    for entry in _entries(folder):
        if _is_folder(entry):
            inner = Path(entry.path)
            yield from (Path(e.path) for e in _entries(inner) if _is_file(e, suffixes))
        elif _is_file(entry, suffixes):
            yield Path(entry.path)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from (entry for entry in entries if not entry.name.startswith("."))
    except OSError as error:
        raise UsageError(f"{folder} cannot be listed: {error.strerror}") from error


def _is_file(entry: os.DirEntry[str], suffixes: tuple[str, ...]) -> bool:
    return entry.name.lower().endswith(suffixes) and not _is_folder(entry)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links is a file that will not open
        return False


def _check_folder(folder: Path) -> None:
    try:
        if folder.is_dir():
            return
        problem = "is no folder" if folder.exists() else "does not exist"
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
    raise UsageError(f"{folder} {problem}; give a folder of images")
