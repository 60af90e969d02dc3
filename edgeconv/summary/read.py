"""One document, of whichever verb, as what it tells of files."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgeconv.bundle import manifest
from edgeconv.documents import NotJson, read_object
from edgeconv.errors import RefusedError
from edgeconv.summary.benched import measured
from edgeconv.summary.bundles import files_of
from edgeconv.summary.judged import compared, diagnosed, evaluated
from edgeconv.summary.measured import Document
from edgeconv.summary.row import Failed, Source
from edgeconv.summary.told import at, number, text, versions, whole
from edgeconv.sweep.results import FORM as SWEEP

#: A bench of many files with all its samples takes some megabytes.
_MOST_BYTES = 64 * 2**20
#: Latest second that is written as a date: the year 9999.
_LATEST = 253_402_300_799.0


def read_bundle(directory: Path) -> Document:
    """What a bundle tells of its files; raises BundleRefused."""
    document = manifest.read(directory)
    source = Source(
        str(directory), "bundle", _date((directory / manifest.FILE_NAME).stat().st_mtime)
    )
    return Document(files_of(document, source, directory))


def read_document(path: Path) -> Document:
    """What a JSON document tells.

    Raises:
        RefusedError: it is none of edgeconv's, too large, or damaged.
    """
    document = load(path)
    source = Source(str(path), "", _date(path.stat().st_mtime))
    read = _of_sweep if SWEEP.key in document else _of_verb
    found = read(document, source)
    if not found.failed and not any(one.sha256 for one in found.told):
        raise RefusedError("it tells of no file by its hash")
    return replace(found, told=tuple(one for one in found.told if one.sha256))


def load(path: Path) -> dict[str, Any]:
    """The object of a JSON file; raises RefusedError, which does not name it."""
    try:
        return read_object(path, _MOST_BYTES)
    except OSError as error:
        raise RefusedError(f"it cannot be read: {error.strerror or error}") from error
    except NotJson as error:
        raise RefusedError(str(error)) from error


def _of_verb(document: dict[str, Any], source: Source) -> Document:
    if "evaluations" in document or ("bundles" in document and _all_have(document, "evaluations")):
        return Document(tuple(evaluated(document, replace(source, kind="eval"))))
    if "stages" in document or ("bundles" in document and _all_have(document, "stages")):
        return Document(tuple(compared(document, replace(source, kind="parity"))))
    if "tensors" in document and "files" in document:
        return Document(tuple(diagnosed(document, replace(source, kind="diagnose"))))
    if "results" in document and "host" in document:
        return Document(tuple(measured(document, replace(source, kind="bench"))))
    if "artifacts" in document and "files" in document:
        return Document(files_of(document, replace(source, kind="export")))
    raise RefusedError(
        "it is none of export, parity, eval, bench, diagnose or sweep; write one with --json, or "
        "--json-file"
    )


def _all_have(document: dict[str, Any], name: str) -> bool:
    bundles = at(document, "bundles")
    return (
        isinstance(bundles, list)
        and bool(bundles)
        and all(at(b, name) is not None for b in bundles)
    )


def _of_sweep(document: dict[str, Any], source: Source) -> Document:
    if document[SWEEP.key] != SWEEP.number:
        raise RefusedError("it is a sweep's result of another version; run the sweep again")
    kind, said = text(document, "kind"), text(document, "said")
    own = Source(
        source.path,
        f"{kind} of a sweep",
        _date(number(document, "started") or 0.0),
        command=" ".join(filter(None, (kind, text(document, "title")))),
        digest=text(document, "digest"),
    )
    code = whole(document, "code")
    inner = at(document, "document")
    if not isinstance(inner, dict):
        failed = Failed(text(document, "title"), kind, text(document, "device"), code or 0, said)
        return Document(failed=(failed,))
    found = _of_verb(inner, own)
    known = versions(document, "depends")
    of_files = (replace(one, source=_with(one.source, own, known)) for one in found.told)
    return Document(tuple(of_files))


def _with(source: Source, own: Source, known: tuple[str, ...]) -> Source:
    used = tuple(one for one in known if len(one.rpartition(" ")[2]) < 60)
    return replace(own, device=source.device, versions=source.versions or used)


def _date(seconds: float) -> str:
    if not 0 < seconds <= _LATEST:
        return ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
