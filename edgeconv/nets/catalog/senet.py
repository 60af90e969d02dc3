"""SENet: published facts."""

from __future__ import annotations

from edgeconv.nets.spec import Facts, NetSpec

_PAPER = "Squeeze-and-Excitation Networks, https://arxiv.org/abs/1709.01507"
_README = "the authors' README (hujie-frank/SENet), one crop at 224"


def _senet(
    name: str,
    timm_name: str,
    figures: tuple[int, float, float, float],
    paper_says: tuple[str, str],
) -> NetSpec:
    """A net of the paper.

    Args:
        name: ours.
        timm_name: the definition that holds the authors' weights.
        figures: parameters, billions of multiply-adds, top-1, top-5.
        paper_says: where the multiply-adds stand, and what top-1 the paper claims.
    """
    parameters, giga_multiply_adds, top1, top5 = figures
    multiply_adds_from, top1_in_paper = paper_says
    return NetSpec(
        name=name,
        family="senet",
        factory=f"edgeconv.nets.senet:{name}",
        classifier="last_linear",
        facts=Facts(
            parameters=parameters,
            multiply_adds=round(giga_multiply_adds * 1e9),
            top1=top1,
            top5=top5,
            paper=_PAPER,
            sources={
                "parameters": f"timm {timm_name}",
                "multiply_adds": multiply_adds_from,
                "top1": f"{_README}; {top1_in_paper}",
                "top5": _README,
            },
        ),
    )


NETS = (
    _senet(
        "se_resnet50",
        "legacy_seresnet50",
        (28_088_024, 3.87, 77.63, 93.64),
        ("the paper's Table 2", "the paper's Table 2 claims 76.71"),
    ),
    _senet(
        "se_resnet101",
        "legacy_seresnet101",
        (49_326_872, 7.60, 78.25, 94.28),
        ("the paper's Table 2", "the paper's Table 2 claims 77.62"),
    ),
    _senet(
        "se_resnext50_32x4d",
        "legacy_seresnext50_32x4d",
        (27_559_896, 4.25, 79.03, 94.46),
        ("the paper's Table 2", "the paper's Table 2 claims 78.90"),
    ),
    _senet(
        "senet154",
        "legacy_senet154",
        (115_088_984, 20.69, 81.32, 95.53),
        ("counted on timm's definition", "the paper's Table 8 claims the same"),
    ),
)
