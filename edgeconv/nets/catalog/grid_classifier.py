"""What AlexNet and VGG share: the option to score larger photos place by place."""

from __future__ import annotations

from edgeconv.nets.spec import NetOption


def fully_convolutional(minimum_input: int) -> NetOption:
    """The option of a net whose classifier fits once into a photo of `minimum_input` pixels."""
    return NetOption(
        bool,
        False,
        "fully connected layers as convolutions, the logits averaged over every place of a larger "
        f"photo (at least {minimum_input} pixels a side); the same weights serve",
        keeps_weights=True,
        minimum_input=minimum_input,
    )
