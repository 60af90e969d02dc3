"""What `diagnose` finds of a bundle."""

from __future__ import annotations

from edgeconv.export.bundle.bundle import Bundle
from edgeconv.verify.diagnose import Diagnosis, diagnose


def diagnosed(bundle: Bundle) -> Diagnosis:
    """The diagnosis that the command line shows."""
    golden = bundle.golden
    return diagnose(
        bundle.artifacts,
        golden.samples,
        golden.reference,
        recorded=bundle.manifest["quantization"]["tensors"],
        as_written=bundle.as_written,
    )
