"""Documents and bundles as rows: what is told of one file, by its hash, comes together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from edgeconv.errors import RefusedError
from edgeconv.progress import SILENT, Progress
from edgeconv.runtime.plain import plain
from edgeconv.summary.found import find
from edgeconv.summary.measured import Document, OfFile
from edgeconv.summary.read import read_bundle, read_document
from edgeconv.summary.row import Accuracy, Collection, Failed, ModelFile, Row, Unread

#: The machine on which a file's accuracy counts where it was measured nowhere else.
_HERE = "local"


def collect(paths: Sequence[Path], progress: Progress = SILENT) -> Collection:
    """Reads all that stands in some files and folders.

    Args:
        paths: documents, bundles, and folders of them.
        progress: told how many are read.

    Raises:
        UsageError: one of them is not there.
    """
    given = find(tuple(paths))
    unread, documents = list(given.unread), []
    each: list[tuple[Path, Callable[[Path], Document]]]
    each = [(path, read_bundle) for path in given.bundles]
    each += [(path, read_document) for path in given.documents]
    progress.step("read documents", len(each))
    for done, (path, read) in enumerate(each, start=1):
        try:
            documents.append(read(path))
        except RefusedError as error:
            unread.append(Unread(plain(path), plain(str(error), 300)))
        progress.advance(done)
    return together(documents, unread)


def together(documents: Iterable[Document], unread: Iterable[Unread] = ()) -> Collection:
    """The rows of documents; of two that tell the same of a file, the later one counts."""
    told: dict[str, list[OfFile]] = {}
    failed: list[Failed] = []
    for document in documents:
        failed += document.failed
        for one in document.told:
            told.setdefault(one.sha256, []).append(one)
    rows = [row for sha256, each in told.items() for row in _rows(sha256, each)]
    rows.sort(key=lambda row: (row.key, row.file.sha256))
    return Collection(tuple(rows), tuple(failed), tuple(unread))


def _rows(sha256: str, told: Sequence[OfFile]) -> list[Row]:
    """Of one file, by all that is told of it."""
    file = _file(sha256, told)
    places = {_place(one): None for one in told if one.device}
    timed = {(device, engine) for device, engine, threads in places if threads}
    places = {p: None for p in places if p[2] or p[:2] not in timed}
    if timed and not any(device == _HERE for device, _ in timed):
        # What was judged here alone stands beside the devices on which it was measured.
        places = {p: None for p in places if p[0] != _HERE}
    return [_row(file, told, *place) for place in places or {("", "", 0): None}]


def _place(one: OfFile) -> tuple[str, str, int]:
    return one.device, one.engine, 0 if one.latency is None else one.latency.threads


def _row(file: ModelFile, told: Sequence[OfFile], device: str, engine: str, threads: int) -> Row:
    places = (("", "", 0), (device, engine, 0), (device, engine, threads))
    latest = sorted((o for o in told if _place(o) in places), key=lambda o: o.source.date)
    latency = next((o.latency for o in reversed(latest) if o.latency is not None), None)
    parity = next((o.parity for o in reversed(latest) if o.parity), file.parity)
    sources = tuple(dict.fromkeys(o.source for o in latest))
    accuracy = _accuracy(told, device) or _accuracy(told, _HERE)
    return Row(replace(file, parity=parity), device, engine, accuracy, latency, sources)


def _accuracy(told: Sequence[OfFile], device: str) -> Accuracy | None:
    own = [one for one in told if one.accuracy is not None and one.device == device]
    return max(own, key=lambda one: one.source.date).accuracy if own else None


def _file(sha256: str, told: Sequence[OfFile]) -> ModelFile:
    """A bundle's word before a measurement's, and the worst tensors."""
    files = [one.file for one in told if one.file is not None]
    files.sort(key=lambda file: (not file.net, file.int8_share is None))
    file = files[0] if files else ModelFile(sha256, "", sha256[:12])
    worst = [one.worst for one in told if one.worst]
    return replace(file, worst=worst[-1]) if worst else file
