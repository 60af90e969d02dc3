"""MobileNet V1 and V2: published facts."""

from __future__ import annotations

from edgeconv.nets.catalog import torchvision
from edgeconv.nets.spec import Facts, NetOption, NetSpec, PublishedPreprocessing

_V1_PAPER = (
    "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications, "
    "https://arxiv.org/abs/1704.04861"
)
_V2_PAPER = (
    "MobileNetV2: Inverted Residuals and Linear Bottlenecks, https://arxiv.org/abs/1801.04381"
)
_SLIM_V1 = "TensorFlow models, research/slim/nets/mobilenet_v1.md"
_SLIM_V2 = "TensorFlow models, research/slim/nets/mobilenet/README.md"


def _slim(
    table: str,
    paper: str,
    figures: tuple[int, int, float, float],
    multiply_adds_from: str,
) -> Facts:
    """Figures from TensorFlow's table of its own training, which rounds the parameters.

    Args:
        table: where it stands.
        paper: title and address.
        figures: parameters, millions of multiply-adds, top-1, top-5.
        multiply_adds_from: the source of that figure.
    """
    parameters, mega_multiply_adds, top1, top5 = figures
    return Facts(
        parameters=parameters,
        multiply_adds=mega_multiply_adds * 10**6,
        top1=top1,
        top5=top5,
        paper=paper,
        sources={
            "parameters": f"{table}, in millions there; exact from the definition",
            "multiply_adds": multiply_adds_from,
            "top1": table,
            "top5": table,
        },
    )


def _v1(*figures: *tuple[int, int, float, float]) -> Facts:
    # The TensorFlow table's 317 M at width 0.75 is not what the layers add up to; the paper's is.
    return _slim(_SLIM_V1, _V1_PAPER, figures, multiply_adds_from="the paper's Table 6")


def _v2(*figures: *tuple[int, int, float, float]) -> Facts:
    return _slim(_SLIM_V2, _V2_PAPER, figures, multiply_adds_from=_SLIM_V2)


MOBILENET_V1 = NetSpec(
    name="mobilenet_v1",
    family="mobilenet",
    factory="edgeconv.nets.mobilenet_v1:mobilenet_v1",
    classifier="classifier.1",
    options={
        "width": NetOption(
            float,
            1.0,
            "scales every layer's channels; the paper has 0.25, 0.5, 0.75 and 1.0",
            bounds=(0.25, 2.0),
        ),
        "padding": NetOption(
            str,
            "symmetric",
            "symmetric as PyTorch pads, or same as TensorFlow does (its weights need it)",
            allowed=("symmetric", "same"),
        ),
    },
    # TensorFlow trained and evaluated the published nets on pixels mapped to -1..1.
    preprocessing=PublishedPreprocessing(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
    facts=_v1(4_231_976, 569, 70.9, 89.9),
    variants=(
        ({"padding": "same"}, _v1(4_231_976, 569, 70.9, 89.9)),
        ({"width": 0.75, "padding": "same"}, _v1(2_585_560, 325, 68.4, 88.2)),
        ({"width": 0.5, "padding": "same"}, _v1(1_331_592, 149, 63.3, 84.9)),
        ({"width": 0.25, "padding": "same"}, _v1(470_072, 41, 49.8, 74.2)),
    ),
)

MOBILENET_V2 = NetSpec(
    name="mobilenet_v2",
    family="mobilenet",
    factory="edgeconv.nets.mobilenet_v2:mobilenet_v2",
    classifier="classifier.1",
    options={
        "width": NetOption(
            float,
            1.0,
            "scales every layer's channels; published from 0.35 to 1.4",
            bounds=(0.1, 2.0),
        ),
    },
    preprocessing=PublishedPreprocessing(resize=232),
    pretrained=torchvision.weights("mobilenet_v2-7ebf99e0.pth", resize=232),
    facts=torchvision.facts(
        "MobileNet_V2_Weights.IMAGENET1K_V2",
        parameters=3_504_872,
        giga_multiply_adds=0.301,
        top1=72.154,
        top5=90.822,
        paper=_V2_PAPER,
        paper_says="the paper's Table 4 claims 72.0",
    ),
    variants=(
        ({"width": 0.35}, _v2(1_677_128, 59, 60.3, 82.9)),
        ({"width": 0.5}, _v2(1_968_680, 97, 65.4, 86.4)),
        ({"width": 0.75}, _v2(2_636_424, 209, 69.8, 89.6)),
        ({"width": 1.3}, _v2(5_386_792, 509, 74.4, 92.1)),
        ({"width": 1.4}, _v2(6_108_776, 582, 75.0, 92.5)),
    ),
)

NETS = (MOBILENET_V1, MOBILENET_V2)
