"""ResNet: published facts."""

from __future__ import annotations

from edgeconv.nets.catalog import torchvision
from edgeconv.nets.spec import Facts, NetSpec, Pretrained

_PAPER = "Deep Residual Learning for Image Recognition, https://arxiv.org/abs/1512.03385"


def _resnet(depth: int, pretrained: Pretrained, facts: Facts) -> NetSpec:
    return NetSpec(
        name=f"resnet{depth}",
        family="resnet",
        factory=f"edgeconv.nets.resnet:resnet{depth}",
        classifier="fc",
        pretrained=pretrained,
        preprocessing=pretrained.preprocessing,
        facts=facts,
    )


NETS = (
    _resnet(
        18,
        torchvision.weights("resnet18-f37072fd.pth"),
        torchvision.facts(
            "ResNet18_Weights.IMAGENET1K_V1",
            parameters=11_689_512,
            giga_multiply_adds=1.814,
            top1=69.758,
            top5=89.078,
            paper=_PAPER,
            paper_says="the paper's Table 2 claims 72.12 over ten crops",
        ),
    ),
    _resnet(
        34,
        torchvision.weights("resnet34-b627a593.pth"),
        torchvision.facts(
            "ResNet34_Weights.IMAGENET1K_V1",
            parameters=21_797_672,
            giga_multiply_adds=3.664,
            top1=73.314,
            top5=91.420,
            paper=_PAPER,
            paper_says="the paper's Table 3 claims 75.48 over ten crops (option B)",
        ),
    ),
    _resnet(
        50,
        torchvision.weights("resnet50-11ad3fa6.pth", resize=232),
        torchvision.facts(
            "ResNet50_Weights.IMAGENET1K_V2",
            parameters=25_557_032,
            giga_multiply_adds=4.089,
            top1=80.858,
            top5=95.434,
            paper=_PAPER,
            paper_says="the paper's Table 3 claims 77.15 over ten crops",
        ),
    ),
    _resnet(
        101,
        torchvision.weights("resnet101-cd907fc2.pth", resize=232),
        torchvision.facts(
            "ResNet101_Weights.IMAGENET1K_V2",
            parameters=44_549_160,
            giga_multiply_adds=7.801,
            top1=81.886,
            top5=95.780,
            paper=_PAPER,
            paper_says="the paper's Table 3 claims 78.25 over ten crops",
        ),
    ),
    _resnet(
        152,
        torchvision.weights("resnet152-f82ba261.pth", resize=232),
        torchvision.facts(
            "ResNet152_Weights.IMAGENET1K_V2",
            parameters=60_192_808,
            giga_multiply_adds=11.514,
            top1=82.284,
            top5=96.002,
            paper=_PAPER,
            paper_says="the paper's Table 3 claims 78.57 over ten crops",
        ),
    ),
)
