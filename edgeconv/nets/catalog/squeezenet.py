"""SqueezeNet: published facts."""

from __future__ import annotations

from edgeconv.nets.catalog import torchvision
from edgeconv.nets.spec import NetSpec

_PAPER = (
    "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size, "
    "https://arxiv.org/abs/1602.07360"
)

NETS = (
    NetSpec(
        name="squeezenet1_0",
        family="squeezenet",
        factory="edgeconv.nets.squeezenet:squeezenet1_0",
        classifier="classifier.1",
        minimum_input=21,
        pretrained=torchvision.weights("squeezenet1_0-b66bff10.pth"),
        facts=torchvision.facts(
            "SqueezeNet1_0_Weights.IMAGENET1K_V1",
            parameters=1_248_424,
            giga_multiply_adds=0.819,
            top1=58.092,
            top5=80.420,
            paper=_PAPER,
            paper_says="the paper's Table 2 claims 57.5, and 80.3 top-5",
        ),
    ),
    NetSpec(
        name="squeezenet1_1",
        family="squeezenet",
        factory="edgeconv.nets.squeezenet:squeezenet1_1",
        classifier="classifier.1",
        minimum_input=17,
        pretrained=torchvision.weights("squeezenet1_1-b8a52dc0.pth"),
        facts=torchvision.facts(
            "SqueezeNet1_1_Weights.IMAGENET1K_V1",
            parameters=1_235_496,
            giga_multiply_adds=0.349,
            top1=58.178,
            top5=80.624,
            paper=_PAPER,
            paper_says="released after the paper, by its authors",
        ),
    ),
)
