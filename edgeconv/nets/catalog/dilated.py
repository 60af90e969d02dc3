"""Dilated nets, for whole photos and for dense prediction: published facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from edgeconv.nets.spec import Facts, NetOption, NetSpec, OptionValue, PublishedPreprocessing

_DRN_PAPER = "Dilated Residual Networks, https://arxiv.org/abs/1705.09914"
_VGG_PAPER = (
    "Multi-Scale Context Aggregation by Dilated Convolutions, https://arxiv.org/abs/1511.07122"
)
_DRN_README = "the authors' README (fyu/drn), one crop at 224"
_COUNTED = "counted from the definition; the paper states none"
_VOC_CLASSES = 21
#: Input pixels that the front end's unpadded convolutions take off each axis.
_UNPADDED_LOSS = 372


def _drn(
    name: str,
    figures: tuple[int, float, float, float],
    dense_multiply_adds: int,
    counted_on: tuple[str, str],
) -> NetSpec:
    """A dilated residual network.

    Args:
        name: ours.
        figures: parameters, multiply-adds, top-1, top-5.
        dense_multiply_adds: where every position is classified.
        counted_on: where the parameters and the multiply-adds are from.
    """
    parameters, multiply_adds, top1, top5 = figures
    facts = Facts(
        parameters=parameters,
        multiply_adds=round(multiply_adds),
        top1=top1,
        top5=top5,
        paper=_DRN_PAPER,
        sources={
            "parameters": counted_on[0],
            "multiply_adds": counted_on[1],
            "top1": _DRN_README,
            "top5": _DRN_README,
        },
    )
    dense = NetOption(
        bool, False, "classify every position of the map, not their average", keeps_weights=True
    )
    return NetSpec(
        name=name,
        family="dilated",
        factory=f"edgeconv.nets.dilated_resnet:{name}",
        classifier="fc",
        options={"dense": dense},
        facts=facts,
        variants=(
            (
                {"dense": True},
                replace(facts, multiply_adds=dense_multiply_adds, top1=None, top5=None),
            ),
        ),
        minimum_input=8,
    )


def _vgg_facts(parameters: int, giga_multiply_adds: float) -> Facts:
    return Facts(
        parameters=parameters,
        multiply_adds=round(giga_multiply_adds * 1e9),
        top1=None,
        top5=None,
        paper=_VGG_PAPER,
        sources={
            "parameters": _COUNTED,
            "multiply_adds": f"{_COUNTED}; at 512 x 512, whose map is the paper's 64 x 64",
        },
    )


_PADDING = NetOption(
    str,
    "symmetric",
    "symmetric pads with zeros; valid not at all, as in the paper, for photos with a margin",
    allowed=("symmetric", "valid"),
    keeps_weights=True,
    minimum_input=_UNPADDED_LOSS + 8,
)
_CONTEXT = NetOption(
    str, "basic", "the context module of the paper's Table 1", allowed=("basic", "large")
)


def _vgg(
    name: str,
    classifier: str,
    options: Mapping[str, NetOption],
    facts: Facts,
    variants: tuple[tuple[Mapping[str, OptionValue], Facts], ...] = (),
) -> NetSpec:
    return NetSpec(
        name=name,
        family="dilated",
        factory=f"edgeconv.nets.dilated_vgg:{name}",
        task="segmentation",
        classifier=classifier,
        options=options,
        # The authors subtract the mean of VOC's pixels from values of 0 to 255 and do not divide.
        preprocessing=PublishedPreprocessing(
            input_size=(512, 512),
            resize=512,
            mean=(116.52 / 255, 111.36 / 255, 102.93 / 255),
            std=(1 / 255, 1 / 255, 1 / 255),
        ),
        facts=facts,
        variants=variants,
        minimum_input=8,
        classes=_VOC_CLASSES,
        labels=None,
    )


NETS = (
    _drn(
        "drn_a_50",
        (25_557_032, 19.08e9, 77.1, 93.4),
        20_683_000_000,
        (
            "as ResNet-50, whose layers it has",
            "counted on torchvision's resnet50 with its strides replaced; the paper states none",
        ),
    ),
    _drn(
        "drn_c_26",
        (21_126_584, 16.97e9, 75.1, 92.4),
        17_372_000_000,
        (f"{_DRN_README}, in millions there (21.1); exact from the definition", _COUNTED),
    ),
    _vgg(
        "dilated_vgg16_frontend",
        "final",
        {"padding": _PADDING},
        _vgg_facts(134_346_581, 591.9),
    ),
    _vgg(
        "dilated_vgg16_context",
        "ctx_final",
        {"padding": _PADDING, "context": _CONTEXT},
        _vgg_facts(134_374_973, 592.0),
        (({"context": "large"}, _vgg_facts(141_149_720, 619.8)),),
    ),
)
