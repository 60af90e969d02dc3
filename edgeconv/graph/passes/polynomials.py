"""Arithmetic with numbers, read as polynomials: so a formula is known however it is spelled.

0.5 * x * (1 + g)   x * (0.5 + 0.5 * g)   (x + x * g) / 2   ->   0.5 x + 0.5 x g
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import onnx_ir as ir

from edgeconv.graph.view import constant_of

#: The powers of the atoms, in their order -> the number before them.
Polynomial = dict[tuple[int, ...], float]

#: Formulas that are looked for have no higher powers and no longer ways.
_HIGHEST, _DEEPEST = 4, 12


def polynomial_of(
    value: ir.Value | None, atoms: Sequence[ir.Value], depth: int = _DEEPEST
) -> Polynomial | None:
    """A value as a polynomial of others; None where it hangs on anything else.

    Args:
        value: computed by sums, differences, products, whole powers, and quotients by numbers.
        atoms: what it may hang on.
        depth: how many operators may lie between.
    """
    ones = (0,) * len(atoms)
    for place, atom in enumerate(atoms):
        if value is atom:
            return {(*ones[:place], 1, *ones[place + 1 :]): 1.0}
    array = constant_of(value)
    if array is not None:
        return {ones: float(array.item())} if array.size == 1 else None
    node = None if value is None else value.producer()
    if node is None or depth == 0 or node.op_type not in _RULES:
        return None
    parts = [polynomial_of(each, atoms, depth - 1) for each in node.inputs]
    known = [part for part in parts if part is not None]
    return _RULES[node.op_type](*known) if len(known) == len(parts) else None


def _add(a: Polynomial, b: Polynomial, factor: float = 1.0) -> Polynomial:
    total: Polynomial = defaultdict(float, a)
    for powers, number in b.items():
        total[powers] += factor * number
    return {powers: number for powers, number in total.items() if number}


def _multiply(a: Polynomial, b: Polynomial) -> Polynomial | None:
    product: Polynomial = defaultdict(float)
    for one, number in a.items():
        for other, factor in b.items():
            product[tuple(map(sum, zip(one, other, strict=True)))] += number * factor
    found = {powers: number for powers, number in product.items() if number}
    return found if all(sum(powers) <= _HIGHEST for powers in found) else None


def _divide(a: Polynomial, b: Polynomial) -> Polynomial | None:
    divisor = _number(b)
    return None if not divisor else {powers: value / divisor for powers, value in a.items()}


def _power(a: Polynomial, b: Polynomial) -> Polynomial | None:
    exponent = _number(b)
    if exponent is None or exponent not in range(1, _HIGHEST + 1):
        return None
    found: Polynomial | None = a
    for _ in range(int(exponent) - 1):
        found = None if found is None else _multiply(found, a)
    return found


def _number(a: Polynomial) -> float | None:
    """The number that a polynomial of nothing is; zero has no terms."""
    if any(sum(powers) for powers in a):
        return None
    return math.fsum(a.values())


_RULES: Mapping[str, Callable[..., Polynomial | None]] = MappingProxyType(
    {
        "Add": _add,
        "Sub": lambda a, b: _add(a, b, -1.0),
        "Mul": _multiply,
        "Div": _divide,
        "Neg": lambda a: {powers: -number for powers, number in a.items()},
        "Pow": _power,
    }
)


def is_close(a: Polynomial, b: Polynomial, tolerance: float = 1e-6) -> bool:
    """Whether two polynomials are the same but for the rounding of their numbers to float32."""
    return a.keys() == b.keys() and all(
        math.isclose(a[powers], b[powers], rel_tol=tolerance) for powers in a
    )
