"""GoogLeNet and its successors: published facts."""

from __future__ import annotations

from dataclasses import replace

from edgeconv.nets.catalog import torchvision
from edgeconv.nets.spec import Facts, NetSpec, Pretrained, PublishedPreprocessing

_V4_PAPER = (
    "Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning, "
    "https://arxiv.org/abs/1602.07261"
)


def _from_tensorflow(pretrained: Pretrained) -> Pretrained:
    """Weights that were trained in TensorFlow on pixels mapped to -1..1.

    torchvision normalizes with ImageNet's mean and deviation all the same and has the net undo it:
    x * (0.229 / 0.5) + (0.485 - 0.5) / 0.5 for red, and so on. Here the photo is prepared as the
    weights want it, and the net has nothing to undo.
    """
    half = (0.5, 0.5, 0.5)
    return replace(pretrained, preprocessing=replace(pretrained.preprocessing, mean=half, std=half))


def _at_299(resize: int) -> PublishedPreprocessing:
    """As timm evaluates the authors' weights."""
    half = (0.5, 0.5, 0.5)
    return PublishedPreprocessing((299, 299), resize, half, half, "bicubic")


def _v4(parameters: int, multiply_adds: int, top1: float, top5: float) -> Facts:
    accuracy = "the paper's Table 2, one crop, without the blacklisted photos of the validation set"
    return Facts(
        parameters=parameters,
        multiply_adds=multiply_adds,
        top1=top1,
        top5=top5,
        paper=_V4_PAPER,
        sources={
            "parameters": "counted from timm's definition",
            "multiply_adds": "counted from timm's definition",
            "top1": accuracy,
            "top5": accuracy,
        },
    )


_GOOGLENET = _from_tensorflow(torchvision.weights("googlenet-1378be20.pth"))
_INCEPTION_V3 = _from_tensorflow(
    torchvision.weights("inception_v3_google-0cc3c7bd.pth", resize=342, input_size=299)
)
_INCEPTION_V3_FACTS = torchvision.facts(
    "Inception_V3_Weights.IMAGENET1K_V1",
    parameters=23_834_568,
    giga_multiply_adds=5.713,
    top1=77.294,
    top5=93.450,
    paper=(
        "Rethinking the Inception Architecture for Computer Vision, "
        "https://arxiv.org/abs/1512.00567"
    ),
    paper_says="the paper's Table 3 claims 78.8",
)

GOOGLENET = NetSpec(
    name="googlenet",
    family="inception",
    factory="edgeconv.nets.googlenet:googlenet",
    classifier="fc",
    minimum_input=15,
    pretrained=_GOOGLENET,
    preprocessing=_GOOGLENET.preprocessing,
    facts=torchvision.facts(
        "GoogLeNet_Weights.IMAGENET1K_V1",
        parameters=6_624_904,
        giga_multiply_adds=1.498,
        top1=69.778,
        top5=89.530,
        paper="Going Deeper with Convolutions, https://arxiv.org/abs/1409.4842",
        paper_says="the paper's Table 3 claims 89.9 top-5 for one net and one crop",
    ),
)

INCEPTION_V2 = NetSpec(
    name="inception_v2",
    family="inception",
    factory="edgeconv.nets.inception_v2:inception_v2",
    classifier="fc",
    preprocessing=PublishedPreprocessing(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
    facts=Facts(
        parameters=11_188_288,
        multiply_adds=1_935_000_000,
        top1=74.8,
        top5=92.18,
        paper=(
            "Batch Normalization: Accelerating Deep Network Training by Reducing Internal "
            "Covariate Shift, https://arxiv.org/abs/1502.03167"
        ),
        sources={
            "parameters": "exact from the definition; the paper's section 4.2 states 13.6 million, "
            "more than the layers of its Figure 5 add up to",
            "multiply_adds": "counted from the paper's Figure 5; its appendix says about 30 % more "
            "than GoogLeNet, for which that one's paper states 1.5 billion",
            "top1": "the paper's Figure 4, one net and one crop",
            "top5": "the paper's Figure 4, one net and one crop",
        },
    ),
)

INCEPTION_V3 = NetSpec(
    name="inception_v3",
    family="inception",
    factory="edgeconv.nets.inception_v3:inception_v3",
    classifier="fc",
    minimum_input=75,
    pretrained=_INCEPTION_V3,
    preprocessing=_INCEPTION_V3.preprocessing,
    facts=replace(
        _INCEPTION_V3_FACTS,
        sources={
            **_INCEPTION_V3_FACTS.sources,
            "parameters": "torchvision's num_params, 27,161,264, less the 3,326,696 of the "
            "auxiliary classifier, which only training runs",
        },
    ),
)

INCEPTION_V4 = NetSpec(
    name="inception_v4",
    family="inception",
    factory="edgeconv.nets.inception_v4:inception_v4",
    classifier="last_linear",
    minimum_input=75,
    preprocessing=_at_299(resize=341),
    facts=_v4(42_679_816, 12_253_974_624, 80.0, 95.0),
)

INCEPTION_RESNET_V2 = NetSpec(
    name="inception_resnet_v2",
    family="inception",
    factory="edgeconv.nets.inception_resnet_v2:inception_resnet_v2",
    classifier="classif",
    minimum_input=75,
    preprocessing=_at_299(resize=333),
    facts=_v4(55_843_464, 13_155_794_016, 80.1, 95.1),
)

NETS = (GOOGLENET, INCEPTION_V2, INCEPTION_V3, INCEPTION_V4, INCEPTION_RESNET_V2)
