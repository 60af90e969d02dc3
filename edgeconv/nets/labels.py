"""Class names, in the order of the logits."""

from __future__ import annotations

from importlib import resources

IMAGENET1K_CLASSES = 1000


def imagenet_categories() -> tuple[str, ...]:
    """The 1,000 ImageNet-1k names in the order of torchvision's weights.

    Kept as a file of the package, for importing torchvision takes seconds.
    """
    text = resources.files("edgeconv.nets").joinpath("imagenet1k.txt").read_text("utf-8")
    return tuple(text.splitlines())
