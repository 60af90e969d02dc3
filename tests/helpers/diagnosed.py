"""What `diagnose` finds of a bundle."""

from __future__ import annotations

from edgeconv.export.bundle.bundle import Bundle
from edgeconv.runtime.adapt import Images
from edgeconv.verify.diagnose import Diagnosis, diagnose


def diagnosed(bundle: Bundle) -> Diagnosis:
    """The diagnosis that the command line shows."""
    golden = bundle.golden
    return diagnose(
        bundle.artifacts,
        Images(normalized=golden.normalized, pixels=golden.pixels),
        golden.reference,
        recorded=bundle.manifest["quantization"]["tensors"],
        as_written=bundle.as_written,
    )
