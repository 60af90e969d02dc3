"""How near a file must come to what it gave at the export, where its kernels round otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from edgeconv.runtime.adapt import Images
from edgeconv.verify.parity import as_exported
from edgeconv.verify.parity.expected import Expected
from edgeconv.verify.parity.stages import StageResult
from edgeconv.verify.thresholds import DEFAULTS

RUN = "int8.tflite", "default"
SLOW = "int8.tflite", "reference"
STEP = 0.1
GIVEN = np.round(np.random.default_rng(0).normal(0, 2, (2, 100)) / STEP).astype(np.float32) * STEP


@dataclass
class Runs:
    """What a file gives now, in the place of `GoldenRuns`."""

    now: Any
    step: float = STEP
    names: tuple[str, ...] = ("logits",)
    seconds: dict[Any, float] = field(default_factory=lambda: {RUN: 0.0, SLOW: 0.0})

    def outputs(self, run: Any) -> list[Any]:
        return [self.now]

    def steps(self, run: Any) -> tuple[float, ...]:
        return (self.step,)


def judged(
    now: Any, kept: dict[Any, Any], step: float = STEP, run: Any = RUN, missed: tuple[str, ...] = ()
) -> StageResult:
    images = Images(np.zeros((2, 3, 4, 4), np.float32))
    outputs = {"logits": np.zeros((2, 100), np.float32)}
    expected = Expected(
        images, outputs, as_exported={r: [a] for r, a in kept.items()}, missed=frozenset(missed)
    )
    runs: Any = Runs(now.astype(np.float32), step)
    return as_exported.stage("it", run, runs, expected, DEFAULTS)


def noisy(steps: float, seed: int = 1) -> Any:
    """What was given, some steps off as a root mean square."""
    noise = np.random.default_rng(seed).normal(0, steps * STEP, GIVEN.shape)
    return (GIVEN + noise).astype(np.float32)


def test_the_same_passes_and_twice_as_far_as_the_kernels_were_does_too() -> None:
    kept = {RUN: GIVEN, SLOW: noisy(2)}
    assert judged(GIVEN, kept).passed
    assert judged(noisy(3.8, seed=2), kept).passed
    assert not judged(noisy(5, seed=2), kept).passed


def test_a_step_of_the_grid_passes_though_the_kernels_gave_the_same() -> None:
    kept = {RUN: GIVEN, SLOW: GIVEN}
    assert judged(noisy(0.95, seed=2), kept).passed
    assert not judged(noisy(2, seed=2), kept).passed
    assert not judged(noisy(0.95, seed=2), kept, step=0.0).passed


def test_a_run_that_is_not_kept_is_held_against_the_other_kernels() -> None:
    found = judged(GIVEN, {RUN: GIVEN}, run=SLOW)
    assert found.passed
    assert found.judged
    assert [t.limit for t in found.thresholds] == [DEFAULTS.int8_sqnr_db]


def test_a_file_of_which_nothing_is_kept_is_not_judged() -> None:
    found = judged(GIVEN, {("int8.onnx", "default"): GIVEN})
    assert not found.judged
    assert found.note == as_exported.NOT_KEPT


@pytest.mark.parametrize("kept", [np.zeros_like(GIVEN), np.full_like(GIVEN, STEP / 9)])
def test_outputs_that_are_nothing_have_a_bound_that_can_be_written(kept: Any) -> None:
    found = judged(GIVEN, {RUN: kept, SLOW: noisy(2)})
    assert not found.passed
    assert [t["limit"] for t in found.to_json()["thresholds"]] == [0.0]
    assert judged(kept, {RUN: kept, SLOW: noisy(2)}).passed


def test_float16_files_have_their_own_bound() -> None:
    run = "float16.tflite", "default"
    images = Images(np.zeros((2, 3, 4, 4), np.float32))
    outputs = {"logits": np.zeros((2, 100), np.float32)}
    expected = Expected(images, outputs, as_exported={run: [GIVEN]})
    runs: Any = Runs((GIVEN * 1.01).astype(np.float32))
    runs.seconds[run] = 0.0
    found = as_exported.stage("it", run, runs, expected, DEFAULTS)
    assert found.passed
    assert found.thresholds == (DEFAULTS.of_rounded(run[0]),)


def test_a_file_that_missed_its_threshold_at_the_export_is_no_better_for_giving_the_same() -> None:
    kept = {RUN: GIVEN, SLOW: GIVEN}
    found = judged(GIVEN, kept, missed=("int8.tflite",))
    assert not found.passed
    assert found.note == as_exported.MISSED
    assert judged(GIVEN, kept, missed=("int8.onnx",)).passed
