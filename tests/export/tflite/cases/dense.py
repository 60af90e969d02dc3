"""Products with a matrix."""

from __future__ import annotations

from tests.export.tflite.cases.case import Case, node
from tests.export.tflite.graphs import weights

CASES: dict[str, Case] = {
    "Gemm, weight in rows": node("Gemm", (2, 5), weights(4, 5), weights(4, seed=7), transB=1),
    "Gemm, weight in columns": node("Gemm", (2, 5), weights(4, 5).T.copy(), weights(4, seed=7)),
    "MatMul": node("MatMul", (2, 5), weights(4, 5).T.copy()),
    "MatMul of a sequence": node("MatMul", (2, 3, 5), weights(4, 5).T.copy()),
    "MatMul of an image's columns": node("MatMul", (1, 2, 3, 5), weights(4, 5).T.copy()),
}
