"""What an export does not import: a second of processor time is a tenth of the fast recipe's."""

from __future__ import annotations

import subprocess
import sys


def test_an_export_needs_no_statistics_until_there_is_a_bound_to_show() -> None:
    code = "import sys, edgeconv.export.pipeline\nprint('scipy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
