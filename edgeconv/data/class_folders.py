"""Which class each sub-folder of a labelled folder stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from edgeconv.errors import UsageError


def name_indices(class_names: Sequence[str]) -> Mapping[str, int]:
    """Lower-case class name -> index; names that stand for several classes are left out.

    A name like "tench, Tinca tinca" is found by the whole and by "tench".
    """
    found: dict[str, int] = {}
    ambiguous: set[str] = set()
    for index, name in enumerate(class_names):
        for key in {name.strip().lower(), name.split(",")[0].strip().lower()}:
            if key in found:
                ambiguous.add(key)
            found[key] = index
    return {key: index for key, index in found.items() if key not in ambiguous}


def class_indices(
    folder: Path,
    names: Sequence[str],
    class_names: Sequence[str] | None,
    classes: int | None,
) -> dict[str, int]:
    """Sub-folder name -> class index.

    1. all names are whole numbers: they are the indices;
    2. all names are among the net's labels: those labels' indices;
    3. otherwise: the position in the sorted names, which is right only if every class has a
       folder, so their number must be that of the net's classes where it is known.

    Raises:
        UsageError: an index past the net's classes, or sub-folders that cannot be the net's.
    """
    if all(name.isascii() and name.isdecimal() for name in names):
        indices = {name: int(name) for name in names}
        _check_distinct(folder, indices)
        past = [name for name in names if classes is not None and indices[name] >= classes]
        if past:
            raise UsageError(f"{folder / past[0]}: the net has the classes 0 to {_last(classes)}")
        return indices
    known = name_indices(class_names) if class_names is not None else {}
    if known and all(_key(name) in known for name in names):
        indices = {name: known[_key(name)] for name in names}
        _check_distinct(folder, indices)
        return indices
    if classes is not None and len(names) != classes:
        raise UsageError(_no_match(folder, names, known, classes))
    return {name: index for index, name in enumerate(sorted(names))}


def _key(name: str) -> str:
    return name.strip().lower()


def _last(classes: int | None) -> int:
    return (classes or 1) - 1


def _check_distinct(folder: Path, indices: Mapping[str, int]) -> None:
    owner: dict[int, str] = {}
    for name, index in indices.items():
        if index in owner:
            raise UsageError(
                f"{folder / owner[index]} and {folder / name} are both class {index}; join them"
            )
        owner[index] = name


def _no_match(folder: Path, names: Sequence[str], known: Iterable[str], classes: int) -> str:
    labels = set(known)
    strangers = [name for name in names if _key(name) not in labels]
    return (
        f"{folder} has {len(names)} sub-folders for a net of {classes} classes, and their names "
        f"are not its labels (for instance {strangers[0]}); name them by class index or label, "
        "have one for every class, or give a CSV with the columns file,label"
    )
