"""DenseNet: published facts."""

from __future__ import annotations

from edgeconv.nets.catalog import torchvision
from edgeconv.nets.spec import Facts, NetSpec, Pretrained

_PAPER = "Densely Connected Convolutional Networks, https://arxiv.org/abs/1608.06993"


def _densenet(depth: int, facts: Facts, pretrained: Pretrained | None = None) -> NetSpec:
    return NetSpec(
        name=f"densenet{depth}",
        family="densenet",
        factory=f"edgeconv.nets.densenet:densenet{depth}",
        classifier="classifier",
        pretrained=pretrained,
        facts=facts,
        minimum_input=29,
    )


NETS = (
    _densenet(
        121,
        torchvision.facts(
            "DenseNet121_Weights.IMAGENET1K_V1",
            parameters=7_978_856,
            giga_multiply_adds=2.834,
            top1=74.434,
            top5=91.972,
            paper=_PAPER,
            paper_says="the paper's Table 3 claims 74.98",
        ),
        torchvision.weights("densenet121-a639ec97.pth"),
    ),
    _densenet(
        161,
        torchvision.facts(
            "DenseNet161_Weights.IMAGENET1K_V1",
            parameters=28_681_000,
            giga_multiply_adds=7.728,
            top1=77.138,
            top5=93.560,
            paper=_PAPER,
            paper_says="its authors' README claims 77.8",
        ),
        torchvision.weights("densenet161-8d451a50.pth"),
    ),
    _densenet(
        169,
        torchvision.facts(
            "DenseNet169_Weights.IMAGENET1K_V1",
            parameters=14_149_480,
            giga_multiply_adds=3.360,
            top1=75.600,
            top5=92.806,
            paper=_PAPER,
            paper_says="the paper's Table 3 claims 76.20",
        ),
        torchvision.weights("densenet169-b2777c0a.pth"),
    ),
    _densenet(
        201,
        torchvision.facts(
            "DenseNet201_Weights.IMAGENET1K_V1",
            parameters=20_013_928,
            giga_multiply_adds=4.291,
            top1=76.896,
            top5=93.370,
            paper=_PAPER,
            paper_says="the paper's Table 3 claims 77.42",
        ),
        torchvision.weights("densenet201-c1103571.pth"),
    ),
    _densenet(
        264,
        Facts(
            parameters=33_337_704,
            multiply_adds=5_752_000_000,
            top1=77.85,
            top5=93.88,
            paper=_PAPER,
            sources={
                "parameters": "counted from the paper's Table 1, which states none",
                "multiply_adds": "counted from the paper's Table 1, which states none",
                "top1": "the paper's Table 3 (error 22.15)",
                "top5": "the paper's Table 3 (error 6.12)",
            },
        ),
    ),
)
