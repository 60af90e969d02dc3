"""What one document tells, before documents are put together."""

from __future__ import annotations

from dataclasses import dataclass

from edgeconv.summary.row import Accuracy, Failed, Latency, ModelFile, Source, Tensor


@dataclass(frozen=True)
class OfFile:
    """What a document tells of one file, by the file's hash.

    Attributes:
        sha256: of the file.
        source: the document.
        device, engine: where it was measured; "" of a bundle, which tells of files alone.
        file: what it tells of the file itself; None where it tells nothing.
        accuracy, latency: what was measured.
        parity: "passed" or "failed" there; "" where that was not judged.
        worst: its worst tensors.
    """

    sha256: str
    source: Source
    device: str = ""
    engine: str = ""
    file: ModelFile | None = None
    accuracy: Accuracy | None = None
    latency: Latency | None = None
    parity: str = ""
    worst: tuple[Tensor, ...] = ()


@dataclass(frozen=True)
class Document:
    """All of one: what it tells of files, or why it tells nothing."""

    told: tuple[OfFile, ...] = ()
    failed: tuple[Failed, ...] = ()
