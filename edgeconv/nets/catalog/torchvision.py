"""Helpers to state what torchvision publishes about its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from edgeconv.nets.spec import Facts, Pretrained, PublishedPreprocessing

_HOST = "https://download.pytorch.org/models"


def weights(
    file_name: str,
    *,
    resize: int = 256,
    input_size: int = 224,
    interpolation: Literal["bilinear", "bicubic"] = "bilinear",
) -> Pretrained:
    """Weights from torchvision's own address, evaluated with its ImageClassification transform."""
    preprocessing = PublishedPreprocessing(
        input_size=(input_size, input_size), resize=resize, interpolation=interpolation
    )
    return published(file_name, preprocessing, "ImageNet-1k")


def published(file_name: str, preprocessing: PublishedPreprocessing, trained_on: str) -> Pretrained:
    """Weights from torchvision's own address."""
    terms = f"BSD-3-Clause (torchvision); trained on {trained_on}, whose terms may apply"
    return Pretrained(url=f"{_HOST}/{file_name}", preprocessing=preprocessing, license=terms)


def facts(
    weights_name: str,
    *,
    parameters: int,
    giga_multiply_adds: float,
    top1: float,
    top5: float,
    paper: str,
    paper_says: str,
) -> Facts:
    """Figures from the metadata of one of torchvision's weights.

    Args:
        weights_name: e.g. "ResNet18_Weights.IMAGENET1K_V1".
        parameters: its `num_params`.
        giga_multiply_adds: its `_ops`.
        top1: its acc@1.
        top5: its acc@5.
        paper: title and address.
        paper_says: what the paper itself claims, and in which table.
    """
    where = f"torchvision {weights_name}"
    return Facts(
        parameters=parameters,
        multiply_adds=round(giga_multiply_adds * 1e9),
        top1=top1,
        top5=top5,
        paper=paper,
        sources={
            "parameters": f"{where}, num_params",
            "multiply_adds": f"{where}, _ops",
            "top1": f"{where}, acc@1; {paper_says}",
            "top5": f"{where}, acc@5",
        },
    )


def measured(
    weights_name: str,
    *,
    parameters: int,
    multiply_adds: int,
    metrics: Mapping[str, tuple[str, float]],
    paper: str,
    less: str = "",
) -> Facts:
    """Figures of a net for another task from the metadata of one of torchvision's weights.

    Args:
        weights_name: e.g. "FCN_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1".
        parameters: its `num_params`.
        multiply_adds: its `_ops`, exact.
        metrics: name -> (name there, percent).
        paper: title and address.
        less: what torchvision counts and this net lacks; parameters and multiply-adds are then
            counted from the definition.
    """
    where = f"torchvision {weights_name}"
    counted = f"counted from the definition; {where} has {less} too" if less else ""
    sources = {name: f"{where}, {theirs}" for name, (theirs, _) in metrics.items()}
    return Facts(
        parameters=parameters,
        multiply_adds=multiply_adds,
        top1=None,
        top5=None,
        paper=paper,
        sources={
            "parameters": counted or f"{where}, num_params",
            "multiply_adds": counted or f"{where}, _ops; exact from the definition",
            **sources,
        },
        metrics={name: percent for name, (_, percent) in metrics.items()},
    )
