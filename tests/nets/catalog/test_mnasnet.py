"""MNASNet is torchvision's at every width it publishes."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.nets.catalog.oracle import assert_same_net, build


@pytest.mark.parametrize("width", ["0_5", "0_75", "1_0", "1_3"])
def test_a_torchvision_state_dict_gives_the_same_logits(
    width: str, torchvision: ModuleType
) -> None:
    name = f"mnasnet{width}"
    theirs = getattr(torchvision.models, name)(num_classes=10)
    assert_same_net(build(name), theirs, size=(65, 96))
