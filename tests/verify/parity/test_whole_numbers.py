"""Places, whole numbers and truth values: right files pass, wrong ones fail by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from edgeconv.export.sources.doubt import doubts
from edgeconv.runtime.metrics import Whole, compare, compare_whole
from edgeconv.verify.parity import whole_numbers
from edgeconv.verify.thresholds import DEFAULTS, Threshold
from tests.helpers.small_export import SmallExport, small_export
from tests.helpers.tflite_edits import change_constant, edited
from tests.verify.parity.test_wrong_files import accused, in_onnx

Array = np.ndarray


class Net(nn.Module):
    """Classes of pixels, what lies above a bound, the best places, counts."""

    def __init__(self, given: tuple[str, ...] = ("classes", "above", "places", "steps")) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.head = nn.Conv2d(8, 6, 1)
        self.given = given

    def forward(self, x):
        y = self.head(F.relu(self.stem(x)))
        scores, places = y.flatten(1).topk(20)
        made = {
            "classes": y.argmax(1),
            "above": (y > 0.1) & (y < 0.9),
            "places": places,
            "scores": scores,
            "steps": (y * 5).int(),
        }
        return {name: made[name] for name in self.given}


def export(path: Path, *given: str) -> SmallExport:
    return small_export(Net(given or Net().given).eval(), (32, 32), path)


def test_the_right_files_pass(tmp_path: Path) -> None:
    report = export(tmp_path).check()
    assert report.passed, report.failed
    assert all(stage.passed and all(stage.met) for stage in report.stages)
    (onnx,) = (stage for stage in report.stages if stage.name == "onnx")
    assert [f.equal for f in onnx.figures] == [1.0] * 4


@pytest.mark.parametrize("output", ["classes", "above", "places", "steps"])
@pytest.mark.parametrize("artifact", ["onnx", "tflite"])
def test_one_wrong_weight_in_a_float_file_is_found(artifact, output, tmp_path: Path) -> None:
    files = export(tmp_path, output)

    def change(weight: Array) -> Array:
        flat = weight.reshape(-1)
        flat[np.abs(flat).argmax()] *= -1
        return weight

    if artifact == "onnx":
        in_onnx(files.files["onnx"], "head.weight", change)
    else:
        edited(files.files["tflite"], lambda m: change_constant(m, "head.weight", change))
    assert accused(files.check()) == {artifact}


@pytest.mark.parametrize("output", ["classes", "above", "steps"])
def test_integers_of_other_weights_are_found(output: str, tmp_path: Path) -> None:
    files = export(tmp_path, output)
    edited(files.tflite, lambda m: change_constant(m, "head.weight", lambda a: a[::-1]))
    assert "int8.tflite" in accused(files.check())


def test_noise_tells_which_values_any_right_file_gives() -> None:
    photos = np.zeros((1, 3, 4, 4), np.float32)
    logits = np.array([[1.0, 1.0 + 1e-7, 0.0], [3.0, 1.0, 0.0]], np.float32)
    flat = torch.tensor([[0.0, 1e-9, -1.0, 0.5]])

    def run(*_: object) -> dict[str, Array]:
        values = torch.from_numpy(logits)
        return {
            "largest": values.argmax(1).numpy(),
            "positive": (F.relu(flat) > 0).numpy(),
            "same": (flat == F.max_pool1d(flat[None], 3, 1, 1)[0]).numpy(),
            "reals": logits,
        }

    found = doubts(run, nn.Identity(), photos, run(), DEFAULTS, depth=1)
    assert found.keys() == {"largest", "positive", "same"}
    assert found["largest"].sure.tolist() == [False, True]
    assert found["positive"].sure.tolist() == [[True, False, True, True]]
    assert found["same"].sure.all()
    assert found["largest"].steady[1] == 1.0


def test_figures_of_whole_numbers_are_shares() -> None:
    reference = np.array([[1, 2], [3, 4], [5, 6], [7, 8]])
    figures = compare(reference, np.where(reference == 4, 9, reference).astype(np.int32))
    assert (figures.equal, figures.values, figures.flips) == (7 / 8, 8, 1)
    assert figures.sqnr_db == pytest.approx(10 * np.log10(8))
    assert compare_whole(reference, reference + 1, np.zeros((4, 2), bool)).equal == 1.0
    assert not Threshold("equal", 0.9).met_by(figures)
    assert Threshold("equal", 0.8).met_by(figures)


def test_a_pair_may_differ_as_often_as_the_floor_or_twice_the_nearer_one() -> None:
    def differing(count: int) -> Array:
        return np.arange(1000)[None] + (np.arange(1000) < count)

    exact = differing(0)
    floor, near, far = (compare(exact, differing(n)) for n in (5, 40, 100))
    bound = whole_numbers.pair(floor, near, far)
    assert bound.met_by(compare(exact, differing(80)))
    assert not bound.met_by(compare(exact, differing(150)))


def test_few_values_are_judged_with_their_chance() -> None:
    reference = {"logits": np.arange(8)}
    sure = Whole(np.ones(8, bool), np.full(8, 0.75))

    class Told:
        outputs = reference
        whole = {"logits": sure}  # noqa: RUF012

    made = np.array([0, 1, 2, 3, 9, 9, 9, 9])
    (bound,) = whole_numbers.of_rounded(
        Told, (compare(reference["logits"], made),), Threshold("sqnr_db", 10.0)
    )
    assert bound.figure == "equal"
    assert bound.met_by(compare(reference["logits"], made))
    assert not bound.met_by(compare(reference["logits"], made[::-1].copy()))
