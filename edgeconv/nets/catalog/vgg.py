"""VGG: published facts."""

from __future__ import annotations

from edgeconv.nets.catalog import torchvision
from edgeconv.nets.catalog.grid_classifier import fully_convolutional
from edgeconv.nets.spec import Facts, NetSpec

_PAPER = (
    "Very Deep Convolutional Networks for Large-Scale Image Recognition, "
    "https://arxiv.org/abs/1409.1556"
)
_NO_BATCHNORM = "the paper has none with BatchNorm"


def _vgg(name: str, file_name: str, facts: Facts) -> NetSpec:
    return NetSpec(
        name=name,
        family="vgg",
        factory=f"edgeconv.nets.vgg:{name}",
        classifier="classifier.6",
        options={"fully_convolutional": fully_convolutional(224)},
        variants=(({"fully_convolutional": True}, facts),),
        pretrained=torchvision.weights(file_name),
        facts=facts,
    )


NETS = (
    _vgg(
        "vgg11",
        "vgg11-8a719046.pth",
        torchvision.facts(
            "VGG11_Weights.IMAGENET1K_V1",
            parameters=132_863_336,
            giga_multiply_adds=7.609,
            top1=69.020,
            top5=88.628,
            paper=_PAPER,
            paper_says="the paper's Table 3 claims 70.4, evaluated densely",
        ),
    ),
    _vgg(
        "vgg11_bn",
        "vgg11_bn-6002323d.pth",
        torchvision.facts(
            "VGG11_BN_Weights.IMAGENET1K_V1",
            parameters=132_868_840,
            giga_multiply_adds=7.609,
            top1=70.370,
            top5=89.810,
            paper=_PAPER,
            paper_says=_NO_BATCHNORM,
        ),
    ),
    _vgg(
        "vgg13",
        "vgg13-19584684.pth",
        torchvision.facts(
            "VGG13_Weights.IMAGENET1K_V1",
            parameters=133_047_848,
            giga_multiply_adds=11.308,
            top1=69.928,
            top5=89.246,
            paper=_PAPER,
            paper_says="the paper's Table 3 claims 71.3, evaluated densely",
        ),
    ),
    _vgg(
        "vgg13_bn",
        "vgg13_bn-abd245e5.pth",
        torchvision.facts(
            "VGG13_BN_Weights.IMAGENET1K_V1",
            parameters=133_053_736,
            giga_multiply_adds=11.308,
            top1=71.586,
            top5=90.374,
            paper=_PAPER,
            paper_says=_NO_BATCHNORM,
        ),
    ),
    _vgg(
        "vgg16",
        "vgg16-397923af.pth",
        torchvision.facts(
            "VGG16_Weights.IMAGENET1K_V1",
            parameters=138_357_544,
            giga_multiply_adds=15.47,
            top1=71.592,
            top5=90.382,
            paper=_PAPER,
            paper_says="the paper's Table 3 claims 73.0 at scale 256, evaluated densely",
        ),
    ),
    _vgg(
        "vgg16_bn",
        "vgg16_bn-6c64b313.pth",
        torchvision.facts(
            "VGG16_BN_Weights.IMAGENET1K_V1",
            parameters=138_365_992,
            giga_multiply_adds=15.47,
            top1=73.360,
            top5=91.516,
            paper=_PAPER,
            paper_says=_NO_BATCHNORM,
        ),
    ),
    _vgg(
        "vgg19",
        "vgg19-dcbb9e9d.pth",
        torchvision.facts(
            "VGG19_Weights.IMAGENET1K_V1",
            parameters=143_667_240,
            giga_multiply_adds=19.632,
            top1=72.376,
            top5=90.876,
            paper=_PAPER,
            paper_says="the paper's Table 3 claims 72.7 at scale 256, evaluated densely",
        ),
    ),
    _vgg(
        "vgg19_bn",
        "vgg19_bn-c79401a0.pth",
        torchvision.facts(
            "VGG19_BN_Weights.IMAGENET1K_V1",
            parameters=143_678_248,
            giga_multiply_adds=19.632,
            top1=74.218,
            top5=91.842,
            paper=_PAPER,
            paper_says=_NO_BATCHNORM,
        ),
    ),
)
