"""A bundle just exported: its files, what stayed in float, and how far it agrees."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from edgeconv.cli.shown.mixed import show_mixed
from edgeconv.cli.shown.parity import show_stages
from edgeconv.report.console import say
from edgeconv.report.tables import Column, Table, show

if TYPE_CHECKING:
    from edgeconv.bundle.bundle import Bundle


def show_bundle(bundle: Bundle) -> None:
    """A bundle's files and how well they agree with the reference."""
    files = bundle.manifest["files"]
    rows = [
        (name, facts["bytes"], facts["sha256"][:12])
        for name, facts in files.items()
        if "/" not in name
    ]
    rows += _folders(files)
    columns = (Column("file"), Column("size", "size"), Column("sha256", rank=1))
    show(Table(columns, rows, str(bundle.directory), _what_is_computed(bundle)))
    mixed = bundle.manifest.get("quantization", {}).get("mixed_precision")
    if mixed is not None:
        say()
        show_mixed(mixed)
    say()
    show_stages(bundle.manifest["parity"]["stages"], _which_samples(bundle))


def _folders(files: dict[str, Any]) -> list[tuple[str, int, str]]:
    """A row for each folder, with the bytes of its files."""
    sizes: Counter[str] = Counter()
    for name, facts in files.items():
        folder, slash, _ = name.rpartition("/")
        if slash:
            sizes[f"{folder}/"] += facts["bytes"]
    return [(folder, size, "") for folder, size in sorted(sizes.items())]


def _which_samples(bundle: Bundle) -> list[str]:
    """A line where photos, or samples of tensors, of the user's judged the files."""
    photos = bundle.manifest["parity"]["photos"]
    if photos["source"] == "builtin":
        return []
    samples = bundle.intake.samples
    count = f"{photos['count']} {samples[:-1] if photos['count'] == 1 else samples}"
    seen = "that calibration never saw" if photos["held_back"] else "that calibration saw too"
    return [f"judged on {count} of your folder {seen}, unless the line says otherwise"]


def _what_is_computed(bundle: Bundle) -> list[str]:
    """A line for each file whose name does not tell what its engine computes."""
    return [
        f"{facts['file']}: {facts['computes']}"
        for facts in bundle.manifest["artifacts"].values()
        if facts["precision"] not in ("float32", "int8")
    ]
