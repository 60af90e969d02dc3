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

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.graph.view import name_of, require_constant
from edgeconv.quantize.plan.affine import WEIGHT_MAX, quantize
from edgeconv.quantize.plan.columns import as_rows, as_weight, multiplying_layers
from edgeconv.quantize.plan.parameters import QuantizedConstant, QuantParams
from edgeconv.quantize.plan.weights import Layer
from edgeconv.quantize.refine.moments import Moments
from edgeconv.threads import in_threads

#: Share of the mean diagonal that is added to the diagonal of H.
DAMPING = 0.01
#: Columns whose errors are passed on to the rest in one product.
BLOCK = 64
#: Rounds of coordinate descent.
SWEEPS = 2
#: Weights worked on at once, about: their copies in float64 would else outgrow a large layer.
CHUNK = 2**22
#: Rows up to this wide try other scales.
NARROW = 32
#: By how much scales are stretched.
STRETCHES = np.linspace(1.0, 1.05, 16, dtype=np.float32)

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Factored:
    """H of a block of columns, factored once for all rows and all scales that are tried.

    Attributes:
        second: H, (groups, width, width).
        order: columns, those of the largest moments first, (groups, width).
        factor: upper factor of the inverse in that order: row j says how the columns after j answer
            an error in column j.
    """

    second: Array
    order: NDArray[np.intp]
    factor: Array


class WeightRounder:
    """Chooses the integers of every Conv and Gemm of a graph for the least output error.

    Errors are judged by their variance: their mean is for `bias.correct` to take out, which must be
    called (again) on what this gives, since scales may change and biases then start afresh.
    """

    def __init__(
        self, model: ir.Model, moments: Callable[[Collection[str]], Mapping[str, Moments]]
    ) -> None:
        """Rounds a hub graph's weights; `moments` gives those of the weights named, when needed."""
        self._layers = {name_of(layer.weight): layer for layer in multiplying_layers(model)}
        self._moments = moments
        self._done: dict[str, tuple[NDArray[np.float32], QuantizedConstant]] = {}

    def __call__(
        self, constants: Mapping[str, QuantizedConstant], activations: Mapping[str, QuantParams]
    ) -> dict[str, QuantizedConstant]:
        """A plan's constants with rounded weights.

        A weight that was rounded at the same scales before is not worked out again: the grids of
        activations touch biases, and scales only where a bias would not fit.

        Args:
            constants: a plan's; a weight without moments keeps its integers.
            activations: the same plan's.
        """
        layers = {name: layer for name, layer in self._layers.items() if name in constants}
        todo = [name for name in layers if not self._is_done(name, constants[name])]
        if todo:
            moments = self._moments(todo)

            def choose(name: str) -> QuantizedConstant:
                before = constants[name]
                return _rounded(layers[name], before, moments[name]) if name in moments else before

            for name, after in zip(todo, in_threads(choose, todo), strict=True):
                self._done[name] = (constants[name].params.scale, after)
        rounded = dict(constants)
        for name, layer in layers.items():
            rounded[name] = weight = self._done[name][1]
            if layer.bias is not None:
                rounded[name_of(layer.bias)] = _bias(layer, weight, activations)
        return rounded

    def _is_done(self, name: str, weight: QuantizedConstant) -> bool:
        return name in self._done and np.array_equal(self._done[name][0], weight.params.scale)


def _rounded(layer: Layer, weight: QuantizedConstant, moments: Moments) -> QuantizedConstant:
    """The layer's integers, and their scales where another is better; some rows at a time."""
    rows = as_rows(layer, require_constant(layer.node, 1))
    groups, count, width = rows.shape
    scales = weight.params.scale.reshape(groups, count).copy()
    found = np.empty(rows.shape, np.int8)
    blocks = [(block, factored(damped(one))) for block, one in moments.covariances()]
    step = max(1, CHUNK // (groups * width * len(_stretches(width))))
    for start in range(0, count, step):
        part = slice(start, start + step)
        found[:, part], scales[:, part] = _choose(rows[:, part], scales[:, part], blocks)
    params = replace(weight.params, scale=scales.reshape(-1))
    return QuantizedConstant(params, as_weight(layer, found))


def _choose(
    rows: NDArray[Any], scales: NDArray[np.float32], blocks: Sequence[tuple[slice, Factored]]
) -> tuple[Array, NDArray[np.float32]]:
    """Integers, (groups, rows, width), and scales, (groups, rows), of the least error.

    Every scale tried makes a row of its own.
    """
    groups, count, width = rows.shape
    stretches = _stretches(width)
    tried = (scales[:, None] * stretches[:, None]).reshape(groups, -1)
    wanted = np.tile(rows.astype(np.float64), (1, len(stretches), 1))
    real = tried.astype(np.float64)
    found, error = np.empty_like(wanted), np.zeros(tried.shape)
    for block, of in blocks:
        found[:, :, block] = solve(wanted[:, :, block], real, of)
        off = found[:, :, block] * real[:, :, None] - wanted[:, :, block]
        error += form(off, of.second)
    least = error.reshape(groups, len(stretches), count).argmin(axis=1) * count + np.arange(count)
    return (
        np.take_along_axis(found, least[:, :, None], axis=1),
        np.take_along_axis(tried, least, axis=1),
    )


def _stretches(width: int) -> NDArray[np.float32]:
    """By how much the scales of rows so wide are stretched in turn."""
    return STRETCHES if width <= NARROW else STRETCHES[:1]


def _bias(
    layer: Layer, weight: QuantizedConstant, activations: Mapping[str, QuantParams]
) -> QuantizedConstant:
    """The layer's bias on the grid that its weight's scales make, uncorrected."""
    scale = activations[name_of(layer.source)].scale * weight.params.scale
    params = QuantParams(scale, weight.params.zero_point, "int32", 0)
    bias = require_constant(layer.node, 2)
    return QuantizedConstant(params, quantize(bias.reshape(-1), params).reshape(bias.shape))


def damped(second: Array, damping: float = DAMPING) -> Array:
    """H with a share of its mean diagonal added, (groups, width, width); never singular."""
    width = second.shape[-1]
    mean = np.trace(second, axis1=1, axis2=2) / width
    added = np.where(mean > 0, damping * mean, 1.0)
    return second + added[:, None, None] * np.eye(width)


def factored(second: Array) -> Factored:
    """H, positive definite, (groups, width, width), made ready to round any number of rows."""
    order = np.argsort(-np.diagonal(second, axis1=1, axis2=2), axis=1, kind="stable")
    sorted_second = np.take_along_axis(
        np.take_along_axis(second, order[:, :, None], axis=1), order[:, None, :], axis=2
    )
    # From H = U U' with U upper: the inverse itself may not be positive definite in floating point.
    upper = np.linalg.cholesky(sorted_second[:, ::-1, ::-1])[:, ::-1, ::-1]
    factor = _inverse(np.asarray(upper, np.float64))
    return Factored(second, order, factor / np.diagonal(factor, axis1=1, axis2=2)[:, :, None])


def _inverse(upper: Array) -> Array:
    """Of upper triangular matrices, by halves: a sixth of what one of any matrix costs."""
    width = upper.shape[-1]
    if width <= BLOCK:
        return np.asarray(np.linalg.inv(upper), np.float64)
    half = width // 2
    first, last = _inverse(upper[:, :half, :half]), _inverse(upper[:, half:, half:])
    inverse = np.zeros_like(upper)
    inverse[:, :half, :half], inverse[:, half:, half:] = first, last
    inverse[:, :half, half:] = -first @ upper[:, :half, half:] @ last
    return inverse


def solve(rows: Array, scales: Array, of: Factored) -> Array:
    """Integers of every row that bring the quadratic form close to its least.

    Args:
        rows: real weights, (groups, rows, width).
        scales: (groups, rows).
        of: H.

    Returns:
        float64 integers in [-127, 127], shaped like `rows`; no row is worse than to nearest.
    """
    wanted = rows / scales[:, :, None]
    nearest = _round(wanted)
    found = _compensate(wanted, of)
    worse = form(found - wanted, of.second) > form(nearest - wanted, of.second)
    found = np.where(worse[:, :, None], nearest, found)
    for _ in range(SWEEPS):
        if not _descend(found, wanted, of.second):
            break
    return found


def form(errors: Array, second: Array) -> Array:
    """d H d' of every row, (groups, rows)."""
    value: Array = ((errors @ second) * errors).sum(axis=2)
    return value


def _round(values: Array) -> Array:
    rounded: Array = np.maximum(np.minimum(np.rint(values), WEIGHT_MAX), -WEIGHT_MAX)
    return rounded


def _turned(rows: Array) -> Array:
    """Rows as columns in memory, (groups, width, rows): one column of all rows is worked on."""
    return np.ascontiguousarray(rows.swapaxes(1, 2))


def _compensate(wanted: Array, of: Factored) -> Array:
    """Rounds column by column, the largest moments first, and moves the columns still free."""
    order, factor = of.order, of.factor
    free = _turned(np.take_along_axis(wanted, order[:, None, :], axis=2))
    width = wanted.shape[2]
    found = np.empty_like(free)
    for start in range(0, width, BLOCK):
        stop = min(start + BLOCK, width)
        errors = np.empty_like(free[:, start:stop])
        for j in range(start, stop):
            found[:, j] = _round(free[:, j])
            error = free[:, j] - found[:, j]
            errors[:, j - start] = error
            free[:, j + 1 : stop] -= factor[:, j, j + 1 : stop, None] * error[:, None, :]
        free[:, stop:] -= (_turned(errors) @ factor[:, start:stop, stop:]).swapaxes(1, 2)
    back = np.argsort(order, axis=1)
    return np.take_along_axis(_turned(found), back[:, None, :], axis=2)


def _descend(found: Array, wanted: Array, second: Array) -> bool:
    """Sets each column in turn to its best given the others, in place; whether any changed."""
    pull, columns = _turned((found - wanted) @ second), _turned(found)
    width, changed = wanted.shape[2], False
    for start in range(0, width, BLOCK):
        stop = min(start + BLOCK, width)
        moves = np.zeros_like(columns[:, start:stop])
        for j in range(start, stop):
            best = _round(columns[:, j] - pull[:, j] / second[:, j, j, None])
            move = best - columns[:, j]
            if not move.any():
                continue
            changed = True
            columns[:, j] = best
            moves[:, j - start] = move
            pull[:, j:stop] += second[:, j, j:stop, None] * move[:, None, :]
        if stop < width:
            pull[:, stop:] += (_turned(moves) @ second[:, start:stop, stop:]).swapaxes(1, 2)
    found[...] = columns.swapaxes(1, 2)
    return changed
