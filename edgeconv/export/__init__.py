"""From a net to a bundle: capture, writers, bundle.

`edgeconv.export` is at once this package and the function of the public API: calling the package
runs `edgeconv.export.pipeline.export`. A module may carry a class of its own (Python data model,
"Customizing module attribute access"); a function of the same name in `edgeconv` would be replaced
by the package as soon as anything here is imported.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgeconv.export.bundle import Bundle
    from edgeconv.export.options import ExportOptions
    from edgeconv.export.progress import Progress


class _CallablePackage(ModuleType):
    def __call__(
        self,
        target: str,
        options: ExportOptions | None = None,
        *,
        out: Path | str | None = None,
        force: bool = False,
        progress: Progress | None = None,
    ) -> Bundle:
        """See `edgeconv.export.pipeline.export`."""
        from edgeconv.export.pipeline import export

        return export(target, options, out=out, force=force, progress=progress)


sys.modules[__name__].__class__ = _CallablePackage
