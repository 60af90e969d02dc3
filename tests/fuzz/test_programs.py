"""Damaged programs of torch.export: read, or refused with one line."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from edgeconv.errors import ArtifactRefused
from edgeconv.nets.program_files import read_program
from tests.export.sources.test_program_files import MODEL, WEIGHTS, saved
from tests.helpers.mutations import mutated, mutated_json, refuses_or_reads


def rewritten(seed: Path, record: str, content: bytes) -> bytes:
    """The archive with another record."""
    made = io.BytesIO()
    with zipfile.ZipFile(seed) as old, zipfile.ZipFile(made, "w") as new:
        for member in old.infolist():
            is_it = member.filename == f"{seed.stem}/{record}"
            new.writestr(member.filename, content if is_it else old.read(member))
    return made.getvalue()


def document(seed: Path, record: str) -> Any:
    with zipfile.ZipFile(seed) as archive:
        return json.loads(archive.read(f"{seed.stem}/{record}"))


def test_damaged_programs_are_read_or_refused(tmp_path: Path, some: range) -> None:
    seed = saved(tmp_path / "twin.pt2", dynamic=True)
    records = (MODEL, WEIGHTS)
    documents = [document(seed, record) for record in records]
    path = tmp_path / "damaged.pt2"
    for number in some:
        if number % 4 == 0:
            path.write_bytes(mutated([seed.read_bytes()], number))
        else:
            which = number % 2
            changed = mutated_json(documents[which], number)
            path.write_bytes(rewritten(seed, records[which], changed))
        refuses_or_reads(lambda: read_program(path), ArtifactRefused)
