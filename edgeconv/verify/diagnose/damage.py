"""Files that contradict themselves: the walk stumbles over them, and says over which."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgeconv.errors import ArtifactRefused, NetRefused, PlanRefused
from edgeconv.files.onnx.load import DAMAGE
from edgeconv.runtime.ort import failures, import_engine
from edgeconv.runtime.ort_provider import one_line


@contextmanager
def refusing_contradictions(*paths: Path | None) -> Iterator[None]:
    """Refuses files that were read well but that no walk can follow: a shape that no operator
    gives, two writers of a tensor, a layer whose scales are of another one.
    """
    try:
        yield
    except (NetRefused, PlanRefused, *DAMAGE, *failures(import_engine("diagnose"))) as error:
        named = " or ".join(str(path) for path in paths if path is not None)
        raise ArtifactRefused(
            f"{named} contradicts itself, or is of another net ({type(error).__name__}: "
            f"{one_line(error)}); export the net again. If it does so right after an export, the "
            "fault is edgeconv's"
        ) from error
