"""What a bundle, or the document of an export, tells of its files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgeconv.errors import RefusedError
from edgeconv.files.read import read_operations
from edgeconv.summary.measured import OfFile
from edgeconv.summary.row import ModelFile, Source, Step
from edgeconv.summary.told import (
    artifact_of,
    at,
    cleaned,
    format_of,
    listed,
    number,
    text,
    versions,
    whole,
)


def files_of(
    manifest: dict[str, Any], source: Source, directory: Path | None = None
) -> tuple[OfFile, ...]:
    """Each model file of a manifest.

    Args:
        manifest: the document.
        source: where it is from.
        directory: of the bundle, where it is there: its files are looked into.
    """
    source = replace(source, versions=versions(manifest, "tools"))
    artifacts = at(manifest, "artifacts")
    names = sorted(artifacts) if isinstance(artifacts, dict) else []
    found = (_file(manifest, name, directory) for name in names[:64])
    return tuple(OfFile(one.sha256, source, file=one) for one in found if one is not None)


def _file(manifest: dict[str, Any], name: str, directory: Path | None) -> ModelFile | None:
    file_name = text(manifest, "artifacts", name, "file")
    sha256 = text(manifest, "files", file_name, "sha256")
    if not sha256:
        return None
    told = ModelFile(
        sha256=sha256,
        net=text(manifest, "net", "name"),
        name=cleaned(name),
        options=_options(manifest, name),
        precision=text(manifest, "artifacts", name, "precision"),
        format=format_of(file_name),
        input_size=_input_size(manifest),
        size_bytes=whole(manifest, "files", file_name, "bytes"),
        multiply_adds=whole(manifest, "net", "multiply_adds"),
        parity=_parity(manifest, name),
        steps=tuple(_steps(manifest)) if "int8" in name else (),
        stages=tuple(_stages(manifest, name)),
    )
    return told if directory is None else _looked_into(told, directory / file_name)


def _looked_into(told: ModelFile, path: Path) -> ModelFile:
    """With what the file itself tells; as it is where the file is no plain one of the bundle's."""
    if path.is_symlink() or not path.is_file():
        return told
    try:
        return replace(told, int8_share=read_operations(path).int8_share)
    except RefusedError:
        return told


def _options(manifest: dict[str, Any], name: str) -> str:
    """How the export differs from others of the net."""
    given = at(manifest, "net", "options")
    words = [
        f"{cleaned(option)}={cleaned(str(given[option]))}"
        for option in (sorted(given)[:20] if isinstance(given, dict) else ())
    ]
    if features := text(manifest, "net", "features"):
        words.append(f"features={features}")
    recipe = text(manifest, "quantization", "recipe", "name")
    if recipe and "int8" in name:
        words.append(f"recipe={recipe}")
    bound = number(manifest, "quantization", "mixed_precision", "promise", "at_most")
    if bound is not None and "int8" in name:
        words.append(f"max-drop={bound:g}")
    return " ".join(words)


def _input_size(manifest: dict[str, Any]) -> tuple[int, int] | None:
    size = [one for one in listed(manifest, "preprocessing", "input_size") if type(one) is int]
    return (size[0], size[1]) if len(size) == 2 else None


def _parity(manifest: dict[str, Any], name: str) -> str:
    stages = [s for s in listed(manifest, "parity", "stages") if artifact_of(s) == name]
    if not stages:
        return ""
    if any(at(stage, "passed") is False for stage in stages):
        return "failed"
    return "passed" if all(at(stage, "judged") is True for stage in stages) else "not judged"


def _stages(manifest: dict[str, Any], name: str) -> Iterator[str]:
    for stage in listed(manifest, "parity", "stages")[:64]:
        if artifact_of(stage) != name:
            continue
        verdict = "passed" if at(stage, "passed") is True else "FAILED"
        figures = listed(stage, "figures")
        sqnr = [value for one in figures if (value := number(one, "sqnr_db")) is not None]
        worst = f", {min(sqnr):.1f} dB" if sqnr else ""
        yield f"{text(stage, 'name')}: {verdict}{worst}"


def _steps(manifest: dict[str, Any]) -> Iterator[Step]:
    for step in listed(manifest, "quantization", "recipe", "steps")[:64]:
        yield Step(text(step, "name"), at(step, "kept") is True, number(step, "gain_db"))
