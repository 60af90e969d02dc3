"""Which class and layer are explained, and what two maps' agreement is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edgeconv.data.inputs import Intake
from edgeconv.data.preprocessing import Preprocessing
from edgeconv.errors import NetRefused, UnknownName, UsageError
from edgeconv.explain.explanation import Explanation, explain
from edgeconv.explain.gradcam import Cam
from edgeconv.nets.load import LoadedNet
from edgeconv.nets.weights import WeightsInfo
from edgeconv.runtime.adapt import Images

LABELS = ("bird", "crane", "lorry", "Crane")
IMAGES = Images(
    np.random.default_rng(0).standard_normal((1, 3, 16, 16)).astype(np.float32),
    np.zeros((1, 16, 16, 3), np.uint8),
)


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 6, 3)
        self.pool = nn.AdaptiveAvgPool2d(4)
        self.head = nn.Linear(6 * 16, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.pool(self.conv(x).relu()).flatten(1))


def net(labels: tuple[str, ...] | None = LABELS) -> LoadedNet:
    return LoadedNet(
        module=Small().eval(),
        name="small",
        net_options={},
        intake=Intake.of_photos(Preprocessing(input_size=(16, 16))),
        labels=labels,
        trained=True,
        weights=WeightsInfo(kind="module", source="test"),
        spec=None,
    )


def test_the_most_probable_class_is_explained_where_none_is_asked_for():
    with torch.no_grad():
        logits = Small().eval()(torch.from_numpy(IMAGES.normalized))[0]
    got = explain(net(), IMAGES).floating
    assert got.explained == got.top
    assert got.top.index == int(logits.argmax())
    assert np.isclose(got.top.probability, float(logits.softmax(0).max()))


class Careless(Small):
    """The same values by a forward pass that overwrites its input and what it holds."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kept", torch.zeros(1, 4))

    def forward(self, x: Tensor) -> Tensor:
        self.kept.copy_(super().forward(x.mul_(2).mul_(0.5)))
        return self.kept


def test_a_net_that_overwrites_its_input_is_explained_as_one_that_does_not():
    pixels = IMAGES.normalized.copy()
    careless = replace(net(), module=Careless().eval())
    got, expected = explain(careless, IMAGES), explain(net(), IMAGES)
    np.testing.assert_array_equal(IMAGES.normalized, pixels)
    np.testing.assert_array_equal(got.guided, expected.guided)
    np.testing.assert_array_equal(got.floating.cam.signed, expected.floating.cam.signed)
    assert got.floating.top == expected.floating.top
    assert not careless.module.kept.requires_grad
    assert not careless.module.kept.any()


class Spoilt(Small):
    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        x.zero_()
        return self.head(self.pool(y).flatten(1))


def test_a_net_that_overwrites_what_its_derivative_needs_is_refused():
    with pytest.raises(NetRefused, match="cannot be differentiated: RuntimeError: one of the var"):
        explain(replace(net(), module=Spoilt().eval()), IMAGES)


def test_the_layer_is_the_last_that_makes_features_not_one_that_pools_them():
    assert explain(net(), IMAGES).layer == "conv"


@pytest.mark.parametrize(("wanted", "index"), [("2", 2), ("LORRY", 2), ("bird", 0)])
def test_a_class_is_given_by_number_or_name(wanted: str, index: int):
    assert explain(net(), IMAGES, wanted=wanted).floating.explained.index == index


@pytest.mark.parametrize(
    ("wanted", "labels", "error", "said"),
    [
        ("4", LABELS, UsageError, "the net has 0 to 3"),
        ("lorri", LABELS, UnknownName, "did you mean lorry"),
        ("crane", LABELS, UsageError, r"the classes \[1, 3\]"),
        ("crane", None, UsageError, "are not known"),
        ("-1", None, UsageError, "no number"),
    ],
)
def test_a_class_that_cannot_be_is_refused(wanted, labels, error, said):
    with pytest.raises(error, match=said):
        explain(net(labels), IMAGES, wanted=wanted)


def pair_of(a: np.ndarray, b: np.ndarray) -> Explanation:
    whole = explain(net(), IMAGES)
    nothing = np.zeros((1, *a.shape), np.float32)
    sides = [
        replace(whole.floating, cam=Cam(m.astype(np.float32), nothing, nothing)) for m in (a, b)
    ]
    return replace(whole, floating=sides[0], int8=sides[1])


def test_the_rank_correlation_is_spearmans():
    a = np.array([[1, 2], [3, 4]])
    assert pair_of(a, a**3).rank_correlation == 1.0
    # One swap of neighbours among four: 1 - 6 x 2 / (4 x 15).
    assert np.isclose(pair_of(a, np.array([[2, 1], [3, 4]])).rank_correlation, 0.8)


def test_a_flat_map_has_no_rank_correlation():
    a = np.array([[1, 2], [3, 4]])
    both = pair_of(a, -a)
    assert both.rank_correlation is None
    assert both.signed_rank_correlation == -1.0
    assert both.panels()[-1].caption[-1] == "a flat map"
