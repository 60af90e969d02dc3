"""Counts a TFLite file's operators, read straight from the flatbuffer."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

_NAMES = {value: name for name, value in vars(schema.BuiltinOperator).items() if name.isupper()}


def count(path: Path) -> Counter[str]:
    """Builtin operator names with how often each stands in the main subgraph."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
    codes = model.operatorCodes
    return Counter(
        _NAMES[max(codes[op.opcodeIndex].builtinCode, codes[op.opcodeIndex].deprecatedBuiltinCode)]
        for op in model.subgraphs[0].operators
    )
