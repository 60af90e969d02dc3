"""The steps between layouts keep every element in its place and are as few as promised."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeconv.export.tflite.layout import NHWC, Layout, Step, plain, reshaped, standard, steps

SIZES = st.sampled_from([1, 2, 3, 4, 6])


@st.composite
def shapes_and_layouts(draw: st.DrawFn) -> tuple[tuple[int, ...], Layout]:
    shape = tuple(draw(st.lists(SIZES, min_size=1, max_size=5)))
    return shape, Layout(tuple(draw(st.permutations(range(len(shape))))))


@st.composite
def reshapes(
    draw: st.DrawFn,
) -> tuple[tuple[int, ...], Layout, tuple[int, ...], Layout]:
    """Two shapes of equally many elements, whose axes may line up or not."""
    shape, layout = draw(shapes_and_layouts())
    factors = [
        f for size in shape for f in ([2, 2] if size == 4 else [2, 3] if size == 6 else [size])
    ]
    if draw(st.booleans()):
        factors = draw(st.permutations(factors))
    cuts = sorted(draw(st.sets(st.integers(1, max(len(factors) - 1, 1)), max_size=4)))
    bounds = [0, *(c for c in cuts if c < len(factors)), len(factors)]
    new_shape = tuple(math.prod(factors[a:b]) for a, b in itertools.pairwise(bounds))
    return shape, layout, new_shape, Layout(tuple(draw(st.permutations(range(len(new_shape))))))


@given(st.permutations(range(9)))
def test_no_transpose_has_more_axes_than_tflite_takes(order: list[int]) -> None:
    shape = (2,) * 9
    found = steps(shape, plain(9), shape, Layout(tuple(order)))
    assert all(step.perm is None or len(step.perm) <= 6 for step in found)
    hub = np.arange(2**9).reshape(shape)
    assert np.array_equal(applied(hub, found), hub.transpose(order))


def applied(array: NDArray[np.int64], found: list[Step]) -> NDArray[np.int64]:
    for step in found:
        array = array.reshape(step.shape) if step.perm is None else array.transpose(step.perm)
        assert array.shape == step.shape
    return array


@given(reshapes())
def test_steps_turn_one_layout_of_a_tensor_into_the_other(
    case: tuple[tuple[int, ...], Layout, tuple[int, ...], Layout],
) -> None:
    shape, layout, new_shape, new_layout = case
    hub = np.arange(math.prod(shape)).reshape(shape)
    moved = applied(layout.to_file(hub), steps(shape, layout, new_shape, new_layout))
    assert np.array_equal(moved, new_layout.to_file(hub.reshape(new_shape)))


@given(reshapes())
def test_the_layout_chosen_for_a_reshape_costs_no_more_than_the_standard_one(
    case: tuple[tuple[int, ...], Layout, tuple[int, ...], Layout],
) -> None:
    shape, layout, new_shape, _ = case

    def transposes(new_layout: Layout) -> int:
        return sum(s.perm is not None for s in steps(shape, layout, new_shape, new_layout))

    chosen = reshaped(shape, layout, new_shape)
    assert transposes(chosen) <= transposes(standard(len(new_shape)))


@given(shapes_and_layouts())
def test_an_unchanged_layout_needs_no_steps(case: tuple[tuple[int, ...], Layout]) -> None:
    shape, layout = case
    assert steps(shape, layout, shape, layout) == []


@given(shapes_and_layouts(), st.data())
def test_a_transpose_only_renames_axes(
    case: tuple[tuple[int, ...], Layout], data: st.DataObject
) -> None:
    shape, layout = case
    perm = data.draw(st.permutations(range(len(shape))))
    hub = np.arange(math.prod(shape)).reshape(shape)
    assert np.array_equal(layout.permuted(perm).to_file(hub.transpose(perm)), layout.to_file(hub))


def test_an_image_of_one_pixel_flattens_by_a_single_reshape() -> None:
    assert reshaped((2, 8, 1, 1), NHWC, (2, 8)) == plain(2)
    assert steps((2, 8, 1, 1), NHWC, (2, 8), plain(2)) == [Step((2, 8))]


def test_a_flattened_image_keeps_its_pixel_order() -> None:
    layout = reshaped((2, 3, 4, 5), NHWC, (2, 60))
    assert layout == Layout((0, 1), pixels=(3, 4, 5))
    assert steps((2, 3, 4, 5), NHWC, (2, 60), layout) == [Step((2, 60))]


@pytest.mark.parametrize("batch", [1, 2])
def test_a_channel_shuffle_takes_one_transpose(batch: int) -> None:
    shape, grouped = (batch, 6, 4, 5), (batch, 2, 3, 4, 5)
    layout = reshaped(shape, NHWC, grouped)
    assert steps(shape, NHWC, grouped, layout) == [Step((batch, 4, 5, 2, 3))]
    swapped = layout.permuted((0, 2, 1, 3, 4))
    back = steps((batch, 3, 2, 4, 5), swapped, shape, NHWC)
    assert [step.perm for step in back] == [(0, 1, 2, 4, 3), None]
