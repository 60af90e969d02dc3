"""MobileNetV3: published facts."""

from __future__ import annotations

from edgeconv.nets.catalog import torchvision
from edgeconv.nets.spec import Facts, NetOption, NetSpec, Pretrained, PublishedPreprocessing

_PAPER = "Searching for MobileNetV3, https://arxiv.org/abs/1905.02244"
_SLIM = "TensorFlow models, research/slim/nets/mobilenet/README.md"
_FEWER = f"counted from timm's definition; {_SLIM} says 65 M, more than its layers add up to"

_OPTIONS = {
    "width": NetOption(
        float,
        1.0,
        "scales every layer's channels; the paper has 0.35, 0.5, 0.75, 1.0 and 1.25",
        bounds=(0.25, 2.0),
    ),
    "padding": NetOption(
        str,
        "symmetric",
        "symmetric as PyTorch pads, or same as TensorFlow does (its weights need it)",
        allowed=("symmetric", "same"),
    ),
}


def _v3(size: str, pretrained: Pretrained, facts: Facts) -> NetSpec:
    return NetSpec(
        name=f"mobilenet_v3_{size}",
        family="mobilenet",
        factory=f"edgeconv.nets.mobilenet_v3:mobilenet_v3_{size}",
        classifier="classifier.3",
        options=_OPTIONS,
        preprocessing=pretrained.preprocessing,
        pretrained=pretrained,
        facts=facts,
    )


def _minimalistic(
    size: str, parameters: int, multiply_adds: int, top1: float, multiply_adds_from: str
) -> NetSpec:
    facts = Facts(
        parameters=parameters,
        multiply_adds=multiply_adds,
        top1=top1,
        top5=None,
        paper=_PAPER,
        sources={
            "parameters": f"{_SLIM}, in millions there; exact from the definition",
            "multiply_adds": multiply_adds_from,
            "top1": f"{_SLIM}, of the net with same padding",
        },
    )
    return NetSpec(
        name=f"mobilenet_v3_{size}_minimalistic",
        family="mobilenet",
        factory=f"edgeconv.nets.mobilenet_v3_minimalistic:mobilenet_v3_{size}_minimalistic",
        classifier="classifier",
        options=_OPTIONS,
        # TensorFlow trained and evaluated the published nets on pixels mapped to -1..1.
        preprocessing=PublishedPreprocessing(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        facts=facts,
        variants=(({"padding": "same"}, facts),),
    )


NETS = (
    _v3(
        "large",
        torchvision.weights("mobilenet_v3_large-5c1a4163.pth", resize=232),
        torchvision.facts(
            "MobileNet_V3_Large_Weights.IMAGENET1K_V2",
            parameters=5_483_032,
            giga_multiply_adds=0.217,
            top1=75.274,
            top5=92.566,
            paper=_PAPER,
            paper_says="the paper's Table 3 claims 75.2",
        ),
    ),
    _v3(
        "small",
        torchvision.weights("mobilenet_v3_small-047dcff4.pth"),
        torchvision.facts(
            "MobileNet_V3_Small_Weights.IMAGENET1K_V1",
            parameters=2_542_856,
            giga_multiply_adds=0.057,
            top1=67.668,
            top5=87.402,
            paper=_PAPER,
            paper_says="the paper's Table 3 claims 67.4",
        ),
    ),
    _minimalistic("large", 3_924_288, 209_000_000, 72.3, _SLIM),
    _minimalistic("small", 2_044_736, 52_300_000, 61.9, _FEWER),
)
