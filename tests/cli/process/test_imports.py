from __future__ import annotations

import gc
import subprocess
import sys

from edgeconv.cli.process.imports import importing

_IMPORTING_A_MODULE = """
import gc
from edgeconv.cli.process.imports import importing
with importing():
    import fractions
    collecting = gc.isenabled()
looked_at = any(each is fractions.Fraction for each in gc.get_objects())
print(collecting, gc.isenabled(), gc.get_freeze_count() > 0, looked_at)
"""


def test_nothing_is_collected_while_modules_are_imported_and_they_are_kept_apart_after() -> None:
    code = [sys.executable, "-c", _IMPORTING_A_MODULE]
    run = subprocess.run(code, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True", "True", "False"]


def test_where_all_modules_are_there_garbage_is_not_kept() -> None:
    before = gc.get_freeze_count()
    with importing():
        import edgeconv.errors  # noqa: F401
    assert gc.isenabled()
    assert gc.get_freeze_count() == before
