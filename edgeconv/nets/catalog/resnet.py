"""ResNet and ResNeXt: published facts."""

from __future__ import annotations

from edgeconv.nets.catalog import torchvision
from edgeconv.nets.spec import Facts, NetSpec, Pretrained, PublishedPreprocessing

_PAPER = "Deep Residual Learning for Image Recognition, https://arxiv.org/abs/1512.03385"
_NEXT_PAPER = (
    "Aggregated Residual Transformations for Deep Neural Networks, https://arxiv.org/abs/1611.05431"
)


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


def _resnext(variant: str, facts: Facts, pretrained: Pretrained | None = None) -> NetSpec:
    preprocessing = pretrained.preprocessing if pretrained else PublishedPreprocessing()
    return NetSpec(
        name=f"resnext{variant}",
        family="resnext",
        factory=f"edgeconv.nets.resnet:resnext{variant}",
        classifier="fc",
        pretrained=pretrained,
        preprocessing=preprocessing,
        facts=facts,
    )


_RESNETS = (
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

_RESNEXTS = (
    _resnext(
        "50_32x4d",
        torchvision.facts(
            "ResNeXt50_32X4D_Weights.IMAGENET1K_V2",
            parameters=25_028_904,
            giga_multiply_adds=4.230,
            top1=81.198,
            top5=95.340,
            paper=_NEXT_PAPER,
            paper_says="the paper's Table 3 claims 77.8",
        ),
        torchvision.weights("resnext50_32x4d-1a0047aa.pth", resize=232),
    ),
    _resnext(
        "101_32x4d",
        Facts(
            parameters=44_177_704,
            multiply_adds=7_970_000_000,
            top1=78.8,
            top5=94.4,
            paper=_NEXT_PAPER,
            sources={
                "parameters": "timm resnext101_32x4d; the authors' README "
                "(facebookresearch/ResNeXt) says about 44 million",
                "multiply_adds": "counted on timm's definition; the paper's Table 3 says about 7.8 "
                "billion",
                "top1": "the paper's Table 4 (error 21.2)",
                "top5": "the paper's Table 4 (error 5.6)",
            },
        ),
    ),
    _resnext(
        "101_32x8d",
        torchvision.facts(
            "ResNeXt101_32X8D_Weights.IMAGENET1K_V2",
            parameters=88_791_336,
            giga_multiply_adds=16.414,
            top1=82.834,
            top5=96.228,
            paper=_NEXT_PAPER,
            paper_says="the paper has no net of this width",
        ),
        torchvision.weights("resnext101_32x8d-110c445d.pth", resize=232),
    ),
    _resnext(
        "101_64x4d",
        torchvision.facts(
            "ResNeXt101_64X4D_Weights.IMAGENET1K_V1",
            parameters=83_455_272,
            giga_multiply_adds=15.460,
            top1=83.246,
            top5=96.454,
            paper=_NEXT_PAPER,
            paper_says="the paper's Table 4 claims 79.6",
        ),
        torchvision.weights("resnext101_64x4d-173b62eb.pth", resize=232),
    ),
)

NETS = (*_RESNETS, *_RESNEXTS)
