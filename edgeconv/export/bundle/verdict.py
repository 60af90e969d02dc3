"""What the parity check of an export found, and on which photos."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from edgeconv.verify.parity.stages import ParityReport


@dataclass(frozen=True)
class Judges:
    """The photos that the verdict of an export rests on.

    Attributes:
        source: "builtin", or "folder" of the user's.
        count: how many photos.
        held_back: whether calibration saw none of them.
    """

    source: Literal["builtin", "folder"]
    count: int
    held_back: bool


@dataclass(frozen=True, eq=False)
class Verdict:
    """What is found, and on which photos.

    Attributes:
        report: every stage.
        judges: the photos that it rests on.
        golden: those in golden.npz; the first of them in golden/.
    """

    report: ParityReport
    judges: Judges
    golden: Judges

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user must be told of them."""
        if self.golden.source == "builtin":
            return self.report.warnings
        published = (
            f"the bundle holds {self.golden.count} samples of your folder, some as the files they "
            "are with all that their EXIF data tells: whoever gets the bundle sees them"
        )
        return (*self.report.warnings, published)

    def to_json(self) -> dict[str, Any]:
        """The manifest's `parity`."""
        return {**self.report.to_json(), "photos": asdict(self.judges)}
