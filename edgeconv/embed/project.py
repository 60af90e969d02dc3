"""Writes a project: templates filled, and beside them the model, its labels and golden photos."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
import numpy as np
import PIL

from edgeconv.bundle import labels, staging
from edgeconv.bundle.artifacts import by_preference
from edgeconv.embed import golden, subject
from edgeconv.embed.consumers import Consumer
from edgeconv.embed.subject import Subject
from edgeconv.errors import BundleRefused, UsageError
from edgeconv.export.bundle.golden_folder import FOLDER

if TYPE_CHECKING:
    from edgeconv.bundle.bundle import Bundle

#: By it a directory is known for a project that may be written again.
MARK = "edgeconv-project.json"
_SUFFIX = ".jinja"
#: The main file of a project by what its model gives, but for its ending.
_MAINS = {"classes": "classify", "boxes": "detect", "mask": "segment"}
_C_TYPES = {"float32": "float", "int8": "int8_t", "uint8": "uint8_t"}


def choose(bundle: Bundle, consumer: Consumer, artifact: str | None) -> Subject:
    """The file asked for, or the first of the bundle's that opens there.

    Raises:
        UsageError: the file asked for, or each of them, does not open there.
        UnknownName, BundleRefused, ArtifactRefused: as `subject.read`.
    """
    if artifact is not None:
        chosen = subject.read(bundle, artifact)
        consumer.require_opens(chosen)
        return chosen
    fitting = [name for name in bundle.artifacts if name.rpartition(".")[2] in consumer.endings]
    names = by_preference(fitting)
    if not names:
        raise BundleRefused(
            f"{bundle.directory} has no file that ends with {' or '.join(consumer.endings)}, which "
            f"a project for {consumer.title} needs; export the net with --format"
        )
    refusal: UsageError | None = None
    for name in names:
        read = subject.read(bundle, name)
        try:
            consumer.require_opens(read)
        except UsageError as error:
            refusal = refusal or error
        else:
            return read
    assert refusal is not None
    raise refusal


def check_free(directory: Path, *, force: bool) -> None:
    """Raises OutputExists, UsageError or OutputUnwritable where `write` would."""
    staging.check_destination(directory, force=force, is_ours=_is_project)


def write(about: Subject, consumer: Consumer, directory: Path, *, force: bool) -> list[Path]:
    """Writes a project, whole or not at all; gives its files, relative to the directory.

    Raises:
        OutputExists: something stands there, and `force` is off or it is no project.
        OutputUnwritable: the place cannot be written, or its disk is full.
    """
    with staging.staged(directory, force=force, is_ours=_is_project) as stage:
        for name, text in _filled(about, consumer):
            path = stage / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        shutil.copyfile(about.path, stage / about.path.name)
        if about.labels is not None:
            labels.write(stage, about.labels)
        _write_golden(about.cases, stage / FOLDER)
        mark = {"format": 1, "as": consumer.name, "net": about.title, "file": about.artifact}
        (stage / MARK).write_text(json.dumps(mark, indent=2) + "\n", encoding="utf-8")
    return sorted(path.relative_to(directory) for path in directory.rglob("*") if path.is_file())


def _write_golden(cases: Sequence[golden.Case], folder: Path) -> None:
    folder.mkdir()
    for case in cases:
        shutil.copyfile(case.photo, folder / case.photo.name)
        (folder / f"{case.photo.name}.pixels").write_bytes(case.pixels.tobytes())
        if case.output is not None:
            (folder / f"{case.photo.name}.output").write_bytes(case.output)
        for number, array in enumerate(case.arrays):
            np.save(folder / f"{case.photo.name}.{number}.npy", array)
    lines = "".join(f"{case.row()}\n" for case in cases)
    (folder / golden.TABLE).write_text(lines, encoding="utf-8")


def _filled(about: Subject, consumer: Consumer) -> Iterator[tuple[str, str]]:
    """(name, text) of each file that a template makes."""
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("edgeconv.embed"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # nothing of a net's or a user's goes into them
    )
    known = {
        "s": about,
        "main": _MAINS[about.gives],
        "pre": about.preprocessing,
        "c_types": _C_TYPES,
        "pillow": _pillow(),
        **_limits(about),
    }
    folder = resources.files("edgeconv.embed").joinpath("templates", consumer.name)
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        name = entry.name.removesuffix(_SUFFIX)
        stem = name.partition(".")[0]
        is_of_others = stem in _MAINS.values() and stem != _MAINS[about.gives]
        if entry.name.endswith(_SUFFIX) and not name.startswith("_") and not is_of_others:
            text = templates.get_template(f"{consumer.name}/{entry.name}").render(known)
            yield name, text


def _pillow() -> str:
    """The one that made the bundle's pixels: older ones scale the axes in another order."""
    return PIL.__version__.partition(".")[0]


def _limits(about: Subject) -> dict[str, int]:
    """The lowest and highest integer of the input's type; nothing where it takes reals."""
    if about.taken.dtype.kind not in "iu":
        return {}
    limits = np.iinfo(about.taken.dtype)
    return {"lowest": int(limits.min), "highest": int(limits.max)}


def _is_project(directory: Path) -> bool:
    return (directory / MARK).is_file()
