"""Weight rounding that minimizes a layer's output error instead of each weight's own.

Rounding a row w of weights to integers q moves the layer's output by (s q - w) x. Its squared error
over calibration inputs is a quadratic form of the integers,

    (s q - w) H (s q - w)'    with H the (centred) second moments of x

which rounding to nearest minimizes only where H is diagonal. Columns of H are correlated in every
real net, so one weight's rounding error can be taken back by its neighbours: weights are rounded
one after another, and after each the ones still free move to where the error is least (Frantar et
al. 2022, "GPTQ", section 3). Then each integer in turn is set to its best value given all others,
until nothing changes or SWEEPS is reached (coordinate descent); it starts from the better of that
and of rounding to nearest, so a row is never worse than rounded to nearest.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.view import name_of, require_constant
from edgeconv.quantize.affine import WEIGHT_MAX
from edgeconv.quantize.columns import as_rows, as_weight, multiplying_layers
from edgeconv.quantize.moments import Moments
from edgeconv.quantize.plan import QuantizedConstant

#: Share of the mean diagonal that is added to the diagonal of H.
DAMPING = 0.01
#: Columns whose errors are passed on to the rest in one product.
BLOCK = 64
#: Rounds of coordinate descent.
SWEEPS = 2

Array = NDArray[np.float64]


def round_weights(
    model: ir.Model,
    constants: Mapping[str, QuantizedConstant],
    moments: Mapping[str, Moments],
) -> dict[str, QuantizedConstant]:
    """The constants with the integers of every Conv and Gemm chosen for the least output error.

    Scales stay. Errors are judged by their variance: their mean is for `bias.correct` to take out,
    which must be called (again) on what this returns.

    Args:
        model: the hub graph the plan is of.
        constants: a plan's.
        moments: of the same graph; a layer without any keeps its integers.
    """
    rounded = dict(constants)
    for layer in multiplying_layers(model):
        name = name_of(layer.weight)
        if name not in moments or name not in constants:
            continue
        params = constants[name].params
        rows = as_rows(layer, require_constant(layer.node, 1).astype(np.float64))
        scales = params.scale.astype(np.float64).reshape(rows.shape[:2])
        found = np.empty_like(rows)
        for block, covariance in moments[name].covariances():
            found[:, :, block] = solve(rows[:, :, block], scales, damped(covariance))
        rounded[name] = QuantizedConstant(params, as_weight(layer, found).astype(np.int8))
    return rounded


def damped(second: Array, damping: float = DAMPING) -> Array:
    """H with a share of its mean diagonal added, (groups, width, width); never singular."""
    width = second.shape[-1]
    mean = np.trace(second, axis1=1, axis2=2) / width
    added = np.where(mean > 0, damping * mean, 1.0)
    return second + added[:, None, None] * np.eye(width)


def solve(rows: Array, scales: Array, second: Array) -> Array:
    """Integers of every row that bring the quadratic form close to its least.

    Args:
        rows: real weights, (groups, rows, width).
        scales: (groups, rows).
        second: H, (groups, width, width), positive definite.

    Returns:
        float64 integers in [-127, 127], shaped like `rows`; no row is worse than to nearest.
    """
    wanted = rows / scales[:, :, None]
    nearest = _round(wanted)
    found = _compensate(wanted, second)
    worse = form(found - wanted, second) > form(nearest - wanted, second)
    found = np.where(worse[:, :, None], nearest, found)
    for _ in range(SWEEPS):
        if not _descend(found, wanted, second):
            break
    return found


def form(errors: Array, second: Array) -> Array:
    """d H d' of every row, (groups, rows)."""
    value: Array = ((errors @ second) * errors).sum(axis=2)
    return value


def _round(values: Array) -> Array:
    rounded: Array = np.clip(np.rint(values), -WEIGHT_MAX, WEIGHT_MAX)
    return rounded


def _compensate(wanted: Array, second: Array) -> Array:
    """Rounds column by column, the largest moments first, and moves the columns still free."""
    order = np.argsort(-np.diagonal(second, axis1=1, axis2=2), axis=1, kind="stable")
    sorted_second = np.take_along_axis(
        np.take_along_axis(second, order[:, :, None], axis=1), order[:, None, :], axis=2
    )
    free = np.take_along_axis(wanted, order[:, None, :], axis=2)
    # Upper factor of the inverse: row j says how the columns after j answer an error in column j.
    factor = np.linalg.cholesky(np.linalg.inv(sorted_second)).swapaxes(1, 2)
    factor = factor / np.diagonal(factor, axis1=1, axis2=2)[:, :, None]
    width = wanted.shape[2]
    found = np.empty_like(wanted)
    for start in range(0, width, BLOCK):
        stop = min(start + BLOCK, width)
        errors = np.empty((*wanted.shape[:2], stop - start))
        for j in range(start, stop):
            found[:, :, j] = _round(free[:, :, j])
            error = free[:, :, j] - found[:, :, j]
            errors[:, :, j - start] = error
            free[:, :, j + 1 : stop] -= error[:, :, None] * factor[:, None, j, j + 1 : stop]
        free[:, :, stop:] -= errors @ factor[:, start:stop, stop:]
    back = np.argsort(order, axis=1)
    return np.take_along_axis(found, back[:, None, :], axis=2)


def _descend(found: Array, wanted: Array, second: Array) -> bool:
    """Sets each column in turn to its best given the others, in place; whether any changed."""
    pull = (found - wanted) @ second
    width, changed = wanted.shape[2], False
    for start in range(0, width, BLOCK):
        stop = min(start + BLOCK, width)
        moves = np.zeros((*wanted.shape[:2], stop - start))
        for j in range(start, stop):
            best = _round(found[:, :, j] - pull[:, :, j] / second[:, None, j, j])
            move = best - found[:, :, j]
            if not move.any():
                continue
            changed = True
            found[:, :, j] = best
            moves[:, :, j - start] = move
            pull[:, :, j:stop] += move[:, :, None] * second[:, None, j, j:stop]
        if stop < width:
            pull[:, :, stop:] += moves @ second[:, start:stop, stop:]
    return changed
