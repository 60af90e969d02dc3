from __future__ import annotations

import subprocess
import sys


def test_reports_import_neither_torch_nor_an_engine() -> None:
    code = (
        "import sys\n"
        "from edgeconv.report import jsondoc, junit, progress, tables, text\n"
        "heavy = ('torch', 'onnx', 'onnxruntime', 'ai_edge_litert', 'scipy', 'rich')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
