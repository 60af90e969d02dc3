"""EfficientNet and EfficientNet-Lite: published facts."""

from __future__ import annotations

from edgeconv.nets.catalog import torchvision
from edgeconv.nets.spec import Facts, NetOption, NetSpec, Pretrained, PublishedPreprocessing

_PAPER = (
    "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, "
    "https://arxiv.org/abs/1905.11946"
)
_LITE = "TensorFlow TPU models, models/official/efficientnet/lite/README.md"

_OPTIONS = {
    "padding": NetOption(
        str,
        "symmetric",
        "symmetric as PyTorch pads, or same as TensorFlow does (its weights need it)",
        allowed=("symmetric", "same"),
    )
}
_WIDTH = NetOption(float, 1.0, "scales every layer's channels", bounds=(0.25, 2.0))


def _efficientnet(
    number: int,
    pretrained: Pretrained,
    *,
    version: int = 1,
    figures: tuple[int, float, float, float],
    paper_top1: float,
) -> NetSpec:
    """B0 to B7.

    Args:
        number: 0 to 7.
        pretrained: torchvision's weights.
        version: of those weights.
        figures: parameters, billions of multiply-adds, top-1, top-5, as torchvision states them.
        paper_top1: what the paper claims.
    """
    parameters, giga_multiply_adds, top1, top5 = figures
    return NetSpec(
        name=f"efficientnet_b{number}",
        family="efficientnet",
        factory=f"edgeconv.nets.efficientnet:efficientnet_b{number}",
        classifier="classifier.1",
        options=_OPTIONS if number else {**_OPTIONS, "width": _WIDTH},
        preprocessing=pretrained.preprocessing,
        pretrained=pretrained,
        facts=torchvision.facts(
            f"EfficientNet_B{number}_Weights.IMAGENET1K_V{version}",
            parameters=parameters,
            giga_multiply_adds=giga_multiply_adds,
            top1=top1,
            top5=top5,
            paper=_PAPER,
            paper_says=f"the paper's Table 2 claims {paper_top1}",
        ),
    )


def _lite(
    number: int, side: int, parameters: int, mega_multiply_adds: float, stated: str, top1: float
) -> NetSpec:
    """Lite 0 to 4; `stated` is what the authors' table says of the multiply-adds."""
    facts = Facts(
        parameters=parameters,
        multiply_adds=round(mega_multiply_adds * 1e6),
        top1=top1,
        top5=None,
        paper=_PAPER,
        sources={
            "parameters": f"{_LITE}, in millions there; exact from the definition",
            "multiply_adds": f"counted from timm's definition; {_LITE} says {stated}, which counts "
            "more than convolutions and matrices",
            "top1": f"{_LITE}, of the net with same padding",
        },
    )
    return NetSpec(
        name=f"efficientnet_lite{number}",
        family="efficientnet",
        factory=f"edgeconv.nets.efficientnet_lite:efficientnet_lite{number}",
        classifier="classifier",
        options=_OPTIONS,
        # The authors cut 32 pixels off the resized photo and map pixels to -1..1.
        preprocessing=PublishedPreprocessing(
            input_size=(side, side), resize=side + 32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)
        ),
        facts=facts,
        variants=(({"padding": "same"}, facts),),
    )


def _bicubic(file_name: str, input_size: int, resize: int) -> Pretrained:
    return torchvision.weights(
        file_name, input_size=input_size, resize=resize, interpolation="bicubic"
    )


NETS = (
    _efficientnet(
        0,
        _bicubic("efficientnet_b0_rwightman-7f5810bc.pth", 224, 256),
        figures=(5_288_548, 0.386, 77.692, 93.532),
        paper_top1=77.1,
    ),
    _efficientnet(
        1,
        torchvision.weights("efficientnet_b1-c27df63c.pth", input_size=240, resize=255),
        version=2,
        figures=(7_794_184, 0.687, 79.838, 94.934),
        paper_top1=79.1,
    ),
    _efficientnet(
        2,
        _bicubic("efficientnet_b2_rwightman-c35c1473.pth", 288, 288),
        figures=(9_109_994, 1.088, 80.608, 95.310),
        paper_top1=80.1,
    ),
    _efficientnet(
        3,
        _bicubic("efficientnet_b3_rwightman-b3899882.pth", 300, 320),
        figures=(12_233_232, 1.827, 82.008, 96.054),
        paper_top1=81.6,
    ),
    _efficientnet(
        4,
        _bicubic("efficientnet_b4_rwightman-23ab8bcd.pth", 380, 384),
        figures=(19_341_616, 4.394, 83.384, 96.594),
        paper_top1=82.9,
    ),
    _efficientnet(
        5,
        _bicubic("efficientnet_b5_lukemelas-1a07897c.pth", 456, 456),
        figures=(30_389_784, 10.266, 83.444, 96.628),
        paper_top1=83.6,
    ),
    _efficientnet(
        6,
        _bicubic("efficientnet_b6_lukemelas-24a108a5.pth", 528, 528),
        figures=(43_040_704, 19.068, 84.008, 96.916),
        paper_top1=84.0,
    ),
    _efficientnet(
        7,
        _bicubic("efficientnet_b7_lukemelas-c5b4e57e.pth", 600, 600),
        figures=(66_347_960, 37.746, 84.122, 96.908),
        paper_top1=84.3,
    ),
    _lite(0, 224, 4_652_008, 385, "407 M", 75.1),
    _lite(1, 240, 5_416_680, 600, "631 M", 76.7),
    _lite(2, 260, 6_092_072, 860, "899 M", 77.6),
    _lite(3, 280, 8_197_096, 1383, "1.44 B", 79.8),
    _lite(4, 300, 13_006_568, 2553, "2.64 B", 81.5),
)
