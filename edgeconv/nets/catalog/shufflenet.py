"""ShuffleNet and ShuffleNetV2: published facts."""

from __future__ import annotations

from edgeconv.nets.catalog import torchvision
from edgeconv.nets.spec import Facts, NetOption, NetSpec, OptionValue, Pretrained

_V1_PAPER = (
    "ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices, "
    "https://arxiv.org/abs/1707.01083"
)
_V2_PAPER = (
    "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design, "
    "https://arxiv.org/abs/1807.11164"
)
_AUTHORS = "the authors' release, megvii-model/ShuffleNet-Series, ShuffleNetV1/README.md"


def _v1(
    parameters: int,
    mega_multiply_adds: float,
    multiply_adds_from: str,
    top1: float,
    top1_from: str,
    top5: float | None = None,
) -> Facts:
    sources = {
        "parameters": "exact from the definition; the paper states none",
        "multiply_adds": multiply_adds_from,
        "top1": top1_from,
    }
    if top5 is not None:
        sources["top5"] = top1_from
    return Facts(
        parameters=parameters,
        multiply_adds=round(mega_multiply_adds * 1e6),
        top1=top1,
        top5=top5,
        paper=_V1_PAPER,
        sources=sources,
    )


def _table(parameters: int, mega_multiply_adds: int, features: int, top1: float) -> Facts:
    """Width 1 in the paper, whose count leaves out the last matrix of `features` x 1000."""
    return _v1(
        parameters,
        mega_multiply_adds + features / 1000,
        f"the paper's Table 1 says {mega_multiply_adds} M; the last matrix added",
        top1,
        "the paper's Table 2",
    )


def _release(
    parameters: int, mega_multiply_adds: float, stated: int, top1: float, top5: float
) -> Facts:
    """Another width, from the authors' later release, which rounds to a million."""
    source = f"counted from the definition; {_AUTHORS}, says {stated} M"
    return _v1(parameters, mega_multiply_adds, source, top1, _AUTHORS, top5)


_VARIANTS: tuple[tuple[dict[str, OptionValue], Facts], ...] = (
    ({"groups": 1}, _table(1_531_936, 143, 576, 66.4)),
    ({"groups": 2}, _table(1_733_848, 140, 800, 67.3)),
    ({"groups": 4}, _table(1_968_344, 133, 1088, 67.2)),
    ({"groups": 8}, _table(2_434_768, 137, 1536, 67.6)),
    ({"width": 0.5}, _release(718_324, 37.6, 38, 57.3, 80.0)),
    ({"width": 1.5}, _release(3_442_168, 292, 292, 71.6, 90.2)),
    ({"width": 2.0}, _release(5_450_776, 524, 524, 74.1, 91.4)),
    ({"width": 0.5, "groups": 8}, _release(1_011_448, 40.5, 40, 58.8, 81.0)),
    ({"width": 1.5, "groups": 8}, _release(4_269_952, 290, 290, 71.0, 89.6)),
    ({"width": 2.0, "groups": 8}, _release(6_522_232, 522, 522, 72.9, 90.8)),
)

SHUFFLENET_V1 = NetSpec(
    name="shufflenet_v1",
    family="shufflenet",
    factory="edgeconv.nets.shufflenet_v1:shufflenet_v1",
    classifier="fc",
    options={
        "groups": NetOption(
            int, 3, "groups of the 1 x 1 convolutions, 3 in most", allowed=(1, 2, 3, 4, 8)
        ),
        "width": NetOption(
            float, 1.0, "scales every layer's channels", allowed=(0.25, 0.5, 1.0, 1.5, 2.0)
        ),
    },
    facts=_table(1_865_728, 137, 960, 67.4),
    variants=_VARIANTS,
)


def _v2(size: str, pretrained: Pretrained, facts: Facts) -> NetSpec:
    return NetSpec(
        name=f"shufflenet_v2_{size}",
        family="shufflenet",
        factory=f"edgeconv.nets.shufflenet_v2:shufflenet_v2_{size}",
        classifier="fc",
        preprocessing=pretrained.preprocessing,
        pretrained=pretrained,
        facts=facts,
    )


NETS = (
    SHUFFLENET_V1,
    _v2(
        "x0_5",
        torchvision.weights("shufflenetv2_x0.5-f707e7126e.pth"),
        torchvision.facts(
            "ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1",
            parameters=1_366_792,
            giga_multiply_adds=0.0405,  # 0.04 there, too coarse for a net this small
            top1=60.552,
            top5=81.746,
            paper=_V2_PAPER,
            paper_says="the paper's Table 8 claims 60.3",
        ),
    ),
    _v2(
        "x1_0",
        torchvision.weights("shufflenetv2_x1-5666bf0f80.pth"),
        torchvision.facts(
            "ShuffleNet_V2_X1_0_Weights.IMAGENET1K_V1",
            parameters=2_278_604,
            giga_multiply_adds=0.145,
            top1=69.362,
            top5=88.316,
            paper=_V2_PAPER,
            paper_says="the paper's Table 8 claims 69.4",
        ),
    ),
    _v2(
        "x1_5",
        torchvision.weights("shufflenetv2_x1_5-3c479a10.pth", resize=232),
        torchvision.facts(
            "ShuffleNet_V2_X1_5_Weights.IMAGENET1K_V1",
            parameters=3_503_624,
            giga_multiply_adds=0.296,
            top1=72.996,
            top5=91.086,
            paper=_V2_PAPER,
            paper_says="the paper's Table 8 claims 72.6",
        ),
    ),
    _v2(
        "x2_0",
        torchvision.weights("shufflenetv2_x2_0-8be3c8ee.pth", resize=232),
        torchvision.facts(
            "ShuffleNet_V2_X2_0_Weights.IMAGENET1K_V1",
            parameters=7_393_996,
            giga_multiply_adds=0.583,
            top1=76.230,
            top5=93.006,
            paper=_V2_PAPER,
            paper_says="the paper's Table 8 claims 74.9",
        ),
    ),
)
