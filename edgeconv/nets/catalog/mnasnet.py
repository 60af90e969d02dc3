"""MNASNet: published facts."""

from __future__ import annotations

from edgeconv.nets.catalog import torchvision
from edgeconv.nets.spec import NetSpec, Pretrained

_PAPER = (
    "MnasNet: Platform-Aware Neural Architecture Search for Mobile, "
    "https://arxiv.org/abs/1807.11626"
)


def _mnasnet(
    width: str,
    pretrained: Pretrained,
    figures: tuple[int, float, float, float],
    paper_says: str = "the paper states none for it",
) -> NetSpec:
    """MNASNet at a width.

    Args:
        width: as it is called, such as "1_0".
        pretrained: torchvision's weights.
        figures: parameters, multiply-adds in billions, top-1, top-5.
        paper_says: what the paper itself claims, and in which table.
    """
    parameters, giga_multiply_adds, top1, top5 = figures
    return NetSpec(
        name=f"mnasnet{width}",
        family="mnasnet",
        factory=f"edgeconv.nets.mnasnet:mnasnet{width}",
        classifier="classifier.1",
        preprocessing=pretrained.preprocessing,
        pretrained=pretrained,
        facts=torchvision.facts(
            f"MNASNet{width}_Weights.IMAGENET1K_V1",
            parameters=parameters,
            giga_multiply_adds=giga_multiply_adds,
            top1=top1,
            top5=top5,
            paper=_PAPER,
            paper_says=paper_says,
        ),
    )


NETS = (
    _mnasnet(
        "0_5",
        torchvision.weights("mnasnet0.5_top1_67.823-3ffadce67e.pth"),
        (2_218_512, 0.104, 67.734, 87.490),
    ),
    _mnasnet(
        "0_75",
        torchvision.weights("mnasnet0_75-7090bc5f.pth", resize=232),
        (3_170_208, 0.215, 71.180, 90.496),
    ),
    _mnasnet(
        "1_0",
        torchvision.weights("mnasnet1.0_top1_73.512-f206786ef8.pth"),
        (4_383_312, 0.314, 73.456, 91.510),
        "the paper's Table 1 has the net with squeeze-excitation, MnasNet-A1, at 75.2",
    ),
    _mnasnet(
        "1_3",
        torchvision.weights("mnasnet1_3-a4c69d6f.pth", resize=232),
        (6_282_256, 0.526, 76.506, 93.522),
    ),
)
