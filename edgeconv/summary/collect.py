"""Documents and bundles as rows: what is told of one file, by its hash, comes together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
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
    """The rows of documents."""
    known: dict[str, _Known] = {}
    failed: list[Failed] = []
    for document in documents:
        failed += document.failed
        for one in document.told:
            known.setdefault(one.sha256, _Known()).add(one)
    rows = [row for sha256 in known for row in known[sha256].rows(sha256)]
    rows.sort(key=lambda row: (row.key, row.file.sha256))
    return Collection(tuple(rows), tuple(failed), tuple(unread))


@dataclass(eq=False)
class _Known:
    """All that is told of one file; of two that tell the same, the later one counts."""

    told: list[OfFile] = field(default_factory=list)

    def add(self, one: OfFile) -> None:
        self.told.append(one)

    def rows(self, sha256: str) -> list[Row]:
        file = self._file(sha256)
        places = {self._place(one): None for one in self.told if one.device}
        timed = {(device, engine) for device, engine, threads in places if threads}
        places = {p: None for p in places if p[2] or p[:2] not in timed}
        if timed and not any(device == _HERE for device, _ in timed):
            # What was judged here alone stands beside the devices on which it was measured.
            places = {p: None for p in places if p[0] != _HERE}
        return [self._row(file, *place) for place in places or {("", "", 0): None}]

    @staticmethod
    def _place(one: OfFile) -> tuple[str, str, int]:
        return one.device, one.engine, 0 if one.latency is None else one.latency.threads

    def _row(self, file: ModelFile, device: str, engine: str, threads: int) -> Row:
        mine = [one for one in self.told if one.device in ("", device)]
        mine = [one for one in mine if one.latency is None or one.latency.threads == threads]
        latest = sorted(mine, key=lambda one: one.source.date)
        latency = next((o.latency for o in reversed(latest) if o.latency is not None), None)
        parity = next((one.parity for one in reversed(latest) if one.parity), file.parity)
        sources = tuple(dict.fromkeys(one.source for one in latest))
        accuracy = self._accuracy(device) or self._accuracy(_HERE)
        return Row(replace(file, parity=parity), device, engine, accuracy, latency, sources)

    def _accuracy(self, device: str) -> Accuracy | None:
        own = [one for one in self.told if one.accuracy is not None and one.device == device]
        return max(own, key=lambda one: one.source.date).accuracy if own else None

    def _file(self, sha256: str) -> ModelFile:
        """A bundle's word before a measurement's, with what either adds."""
        told = [one.file for one in self.told if one.file is not None]
        told.sort(key=lambda file: (not file.net, file.int8_share is None))
        file = told[0] if told else ModelFile(sha256, "", sha256[:12])
        worst = [one.worst for one in self.told if one.worst]
        return replace(file, worst=worst[-1]) if worst else file
