"""A bundle's files, tensor by tensor, on its own test vectors."""

from __future__ import annotations

from edgeconv.bundle.bundle import Bundle
from edgeconv.export.pixels import with_pixel_input
from edgeconv.progress import SILENT, Progress
from edgeconv.quantize.repair.as_written import as_written
from edgeconv.verify.diagnose import PHOTOS, Diagnosis
from edgeconv.verify.diagnose import diagnose as walk


def diagnose(bundle: Bundle, photos: int = PHOTOS, progress: Progress = SILENT) -> Diagnosis:
    """Names the first tensor of a bundle that goes wrong.

    Args:
        bundle: its files may be others than the manifest tells.
        photos: golden photos to run, as many as there are at most.
        progress: told what is being done.

    Raises:
        BundleRefused, ArtifactRefused: a file is missing, or cannot be read or run.
    """
    vectors = bundle.golden
    recorded = bundle.quantization.get("tensors", {})
    return walk(
        bundle.artifacts,
        vectors.samples,
        vectors.reference,
        recorded=recorded,
        as_written=lambda model: as_written(model, bundle.repairs, bundle.intake),
        with_pixels=lambda model: with_pixel_input(model, bundle.preprocessing),
        photos=photos,
        of_its_kind=not vectors.as_exported,
        progress=progress,
    )
