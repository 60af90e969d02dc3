"""Threads beside each other give results in order, and no more than there are cores."""

from __future__ import annotations

import os
import threading

import pytest

from edgeconv.threads import MOST_WORKERS, beside, count_workers, in_threads


def test_no_more_threads_than_cores_this_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5}, raising=False)
    assert count_workers() == 2
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert count_workers() == MOST_WORKERS
    assert count_workers(8) == 8


def test_results_come_in_order_and_the_first_error_ends_it():
    assert in_threads(pow, range(50), [2] * 50) == [n * n for n in range(50)]
    before = set(threading.enumerate())
    with pytest.raises(ZeroDivisionError):
        in_threads(lambda n: 1 // n, [2, 1, 0, 3])
    assert set(threading.enumerate()) <= before


def test_work_beside_a_block_gives_its_result_there_and_ends_with_it():
    before = set(threading.enumerate())
    with beside(lambda ended: ended) as found:
        assert not found().is_set()
    assert found().is_set()
    assert set(threading.enumerate()) <= before


def test_what_it_raises_is_raised_where_it_is_asked_for():
    with beside(lambda _: 1 // 0) as found:
        pass
    with pytest.raises(ZeroDivisionError):
        found()


def test_it_is_told_when_the_block_fails():
    with pytest.raises(KeyError), beside(lambda ended: ended.wait(60)) as found:
        raise KeyError
    assert found()
