"""Xception: published facts."""

from __future__ import annotations

from edgeconv.nets.spec import Facts, NetSpec, PublishedPreprocessing

NETS = (
    NetSpec(
        name="xception",
        family="xception",
        factory="edgeconv.nets.xception:xception",
        classifier="fc",
        preprocessing=PublishedPreprocessing(
            input_size=(299, 299),
            resize=333,
            mean=(0.5, 0.5, 0.5),
            std=(0.5, 0.5, 0.5),
            interpolation="bicubic",
        ),
        facts=Facts(
            parameters=22_855_952,
            multiply_adds=8_357_000_000,
            top1=79.0,
            top5=94.5,
            paper=(
                "Xception: Deep Learning with Depthwise Separable Convolutions, "
                "https://arxiv.org/abs/1610.02357"
            ),
            sources={
                "parameters": "the paper's Table 3",
                "multiply_adds": "counted on timm's legacy_xception; the paper states none",
                "top1": "the paper's Table 1",
                "top5": "the paper's Table 1",
            },
        ),
        minimum_input=7,
    ),
)
