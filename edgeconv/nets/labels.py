"""Class names, in the order of the logits."""

from __future__ import annotations

from importlib import resources

IMAGENET1K_CLASSES = 1000
LONGEST_LABEL = 1000
"""Characters of a class name."""


def imagenet_categories() -> tuple[str, ...]:
    """The 1,000 ImageNet-1k names in the order of torchvision's weights.

    Kept as a file of the package, for importing torchvision takes seconds.
    """
    text = resources.files("edgeconv.nets").joinpath("imagenet1k.txt").read_text("utf-8")
    return tuple(text.splitlines())


def is_label(text: str) -> bool:
    """Whether a class may be called so: in one line, of at most LONGEST_LABEL characters."""
    return len(text.splitlines()) <= 1 and len(text) <= LONGEST_LABEL
