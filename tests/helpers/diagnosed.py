"""What `diagnose` finds of a bundle."""

from __future__ import annotations

from edgeconv.bundle.bundle import Bundle
from edgeconv.quantize.repair.as_written import as_written
from edgeconv.verify.diagnose import Diagnosis, diagnose


def diagnosed(bundle: Bundle) -> Diagnosis:
    """The diagnosis that the command line shows."""
    golden = bundle.golden
    return diagnose(
        bundle.artifacts,
        golden.samples,
        golden.reference,
        recorded=bundle.quantization["tensors"],
        as_written=lambda model: as_written(model, bundle.repairs, bundle.intake),
    )
