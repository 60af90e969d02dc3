"""Streamed statistics against all activations held at once."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeconv.errors import RefusedError, UsageError
from edgeconv.quantize.observe.observations import (
    HANDFUL,
    Observations,
    observe,
)
from edgeconv.quantize.observe.session import open_graph
from edgeconv.quantize.observe.statistics import by_channel
from edgeconv.quantize.observe.targets import targets
from edgeconv.threads import MOST_WORKERS
from tests.quantize.nets import SHAPE, Mobile, hub, photos


def all_activations(count: int) -> dict[str, NDArray[np.float32]]:
    model = hub(Mobile())
    wanted = [t for t in targets(model) if t.producer is not None]
    session = open_graph(model, [t.value for t in wanted])
    runs = [session.run(None, {"input": one}) for one in photos(count)]
    held = {t.name: np.concatenate(r) for t, r in zip(wanted, zip(*runs, strict=True), strict=True)}
    return {"input": np.concatenate(photos(count)), **held}


def test_observing_goes_on_from_what_was_seen_before() -> None:
    model, every = hub(Mobile()), photos(21)
    heard: list[int] = []
    first = observe(model, every[:13])
    both = observe(model, every[13:], after=first, advance=heard.append)
    whole = observe(model, every)
    assert both.inputs == heard[-1] == whole.inputs == 21
    for name, seen in both.tensors.items():
        other = whole.tensors[name]
        assert seen.inputs == 21
        np.testing.assert_array_equal(seen.channel_maximum, other.channel_maximum)
        np.testing.assert_allclose(seen.channel_mean, other.channel_mean, rtol=1e-5, atol=1e-7)
        assert seen.histogram.total == other.histogram.total


def test_extremes_and_means_are_those_of_all_values() -> None:
    seen = observe(hub(Mobile()), photos(7))
    held = all_activations(7)
    assert list(seen.tensors) == list(held)
    for name, array in held.items():
        rows = by_channel(array)
        found = seen.tensors[name]
        np.testing.assert_array_equal(found.channel_minimum, rows.min(axis=(0, 2)))
        np.testing.assert_array_equal(found.channel_maximum, rows.max(axis=(0, 2)))
        np.testing.assert_allclose(found.channel_mean, rows.mean(axis=(0, 2)), atol=1e-5)
        assert found.histogram.total == array.size


def test_evenness_is_the_share_of_photos_that_wake_a_channel() -> None:
    ones = [np.ones(SHAPE, np.float32) for _ in range(8)]
    for photo in ones:
        photo[:, 2] = 0.0
    for photo in ones[1:]:
        photo[:, 1] = 0.0
    for few, more in ((ones, []), (ones[:3], ones[3:])):
        seen = observe(hub(Mobile()), few)
        seen = observe(hub(Mobile()), more, after=seen) if more else seen
        evenness = next(iter(seen.tensors.values())).evenness
        np.testing.assert_allclose(evenness, (1.0, 1 / 8, 0.0))


def test_a_tensor_inside_a_fusion_is_not_observed() -> None:
    model = hub(Mobile())
    absorbed = [node for node in model.graph if node.op_type == "Clip"]
    seen = observe(model, photos(1))
    assert absorbed
    for node in absorbed:
        assert node.inputs[0].name not in seen.tensors
        assert node.outputs[0].name in seen.tensors


def test_what_is_kept_does_not_grow_with_the_photos() -> None:
    def size(seen: Observations) -> int:
        return len(pickle.dumps(seen))

    model = hub(Mobile())
    assert size(observe(model, photos(60))) <= 1.3 * size(observe(model, photos(3)))


def test_a_handful_of_photos_is_held_for_each_worker() -> None:
    taken, done, most = 0, 0, 0

    def stream():  # type: ignore[no-untyped-def]
        nonlocal taken, most
        for one in photos(160):
            taken += 1
            most = max(most, taken - done)
            yield one

    def advance(count: int) -> None:
        nonlocal done
        done = count

    observe(hub(Mobile()), stream(), advance=advance)
    assert done == taken == 160
    assert most <= (MOST_WORKERS + 2) * HANDFUL


def test_progress_counts_the_photos() -> None:
    told: list[int] = []
    observe(hub(Mobile()), photos(19), advance=told.append)
    assert told == [8, 16, 19]


def test_two_runs_see_the_same() -> None:
    model = hub(Mobile())
    one, other = observe(model, photos(9)), observe(model, photos(9))
    for name, seen in one.tensors.items():
        np.testing.assert_array_equal(seen.channel_mean, other.tensors[name].channel_mean)
        np.testing.assert_array_equal(seen.histogram.counts, other.tensors[name].histogram.counts)


def test_a_nan_on_the_way_is_refused_by_the_tensor_that_holds_it() -> None:
    bad = photos(1)[0]
    bad[0, 1, 2, 3] = np.nan
    with pytest.raises(RefusedError, match=r"tensor input holds NaN or infinity"):
        observe(hub(Mobile()), [bad])


def test_infinite_activations_are_refused_by_name() -> None:
    module = Mobile()
    module.project.weight.data[0] = 3e38
    with pytest.raises(RefusedError, match=r"tensor project holds NaN or infinity"):
        observe(hub(module), photos(1))


def test_no_photos_are_refused() -> None:
    with pytest.raises(UsageError, match="at least one photo"):
        observe(hub(Mobile()), [])


def test_photos_of_another_size_are_refused() -> None:
    with pytest.raises(UsageError, match=r"\(1, 3, 10, 10\).*takes \(1, 3, 12, 12\)"):
        observe(hub(Mobile()), photos(1, (1, 3, 10, 10)))
