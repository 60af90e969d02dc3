"""Xception is timm's port of the author's net."""

from __future__ import annotations

from types import ModuleType

import pytest
import torch

from tests.nets.catalog.oracle import assert_same_net, build


@pytest.mark.parametrize("size", [(96, 75), (71, 128)])
def test_a_timm_state_dict_gives_the_same_logits(size: tuple[int, int], timm: ModuleType) -> None:
    theirs = timm.create_model("legacy_xception", num_classes=10)
    assert_same_net(build("xception"), theirs, size=size)


def test_nothing_rectifies_between_depthwise_and_pointwise() -> None:
    with torch.device("meta"):
        program = torch.export.export(build("xception"), (torch.zeros(1, 3, 96, 96),))
    convolutions = [n for n in program.graph.nodes if str(n.target) == "aten.conv2d.default"]
    depthwise = [n for n in convolutions if len(n.args) > 6 and n.args[6] != 1]
    assert len(depthwise) == 34  # the paper's Fig. 5: 6 + 24 + 4
    assert all(
        str(user.target) == "aten.conv2d.default" for node in depthwise for user in node.users
    )
