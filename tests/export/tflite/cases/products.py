"""Products of computed tensors, and of constants that are no layer's weights."""

from __future__ import annotations

from tests.export.tflite.cases.case import Case, node
from tests.export.tflite.graphs import weights


def product(shape: tuple[int, ...], other: tuple[int, ...]) -> Case:
    return node("MatMul", shape, inputs=[other])


CASES: dict[str, Case] = {
    "product of two computed matrices": product((3, 5), (5, 4)),
    "product of two batches": product((2, 3, 5), (2, 5, 4)),
    "product of two images": product((2, 3, 4, 5), (2, 3, 5, 6)),
    "product of tensors of five axes": product((2, 2, 3, 4, 5), (2, 2, 3, 5, 6)),
    "product of a batch by one matrix": product((2, 3, 4, 5), (5, 6)),
    "product of one matrix by a batch": product((4, 5), (2, 3, 5, 6)),
    "product that broadcasts both ways": product((2, 1, 4, 5), (3, 5, 6)),
    "product by a constant matrix for each of a batch": node(
        "MatMul", (1, 3, 4, 5), weights(3, 5, 6)
    ),
}
