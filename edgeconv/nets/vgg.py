"""VGG of 11, 13, 16 and 19 layers, with and without BatchNorm.

Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition",
https://arxiv.org/abs/1409.1556, Table 1, columns A, B, D and E; parameter names are torchvision's.

Deviations from the paper: none without BatchNorm; with it, one follows every convolution, as in
torchvision (the paper is older than BatchNorm).
"""

from __future__ import annotations

from functools import partial

from torch import nn

from edgeconv.nets.blocks import calm_batch_norm
from edgeconv.nets.grid_classifier import HIDDEN, GridClassifier, dense

_GRID = 7
_CHANNELS = (64, 128, 256, 512, 512)  # of the stages, a max-pool behind each


def vgg(
    convolutions: tuple[int, int, int, int, int],
    *,
    batchnorm: bool = False,
    classes: int = 1000,
    fully_convolutional: bool = False,
) -> GridClassifier:
    """A VGG.

    Args:
        convolutions: how many in each stage.
        batchnorm: whether a BatchNorm follows each.
        classes: logits.
        fully_convolutional: the classifier as convolutions.
    """
    layers: list[nn.Module] = []
    channels = 3
    for out, count in zip(_CHANNELS, convolutions, strict=True):
        for _ in range(count):
            layers.append(nn.Conv2d(channels, out, 3, padding=1))
            layers += [calm_batch_norm(out), nn.ReLU()] if batchnorm else [nn.ReLU()]
            channels = out
        layers.append(nn.MaxPool2d(2, stride=2))
    classifier = nn.Sequential(
        dense(channels, HIDDEN, _GRID, fully_convolutional=fully_convolutional),
        nn.ReLU(),
        nn.Dropout(0.5),
        dense(HIDDEN, HIDDEN, 1, fully_convolutional=fully_convolutional),
        nn.ReLU(),
        nn.Dropout(0.5),
        dense(HIDDEN, classes, 1, fully_convolutional=fully_convolutional),
    )
    features = nn.Sequential(*layers)
    return GridClassifier(features, classifier, _GRID, fully_convolutional=fully_convolutional)


vgg11 = partial(vgg, (1, 1, 2, 2, 2))  # the paper's column A
vgg11_bn = partial(vgg, (1, 1, 2, 2, 2), batchnorm=True)
vgg13 = partial(vgg, (2, 2, 2, 2, 2))  # the paper's column B
vgg13_bn = partial(vgg, (2, 2, 2, 2, 2), batchnorm=True)
vgg16 = partial(vgg, (2, 2, 3, 3, 3))  # the paper's column D
vgg16_bn = partial(vgg, (2, 2, 3, 3, 3), batchnorm=True)
vgg19 = partial(vgg, (2, 2, 4, 4, 4))  # the paper's column E
vgg19_bn = partial(vgg, (2, 2, 4, 4, 4), batchnorm=True)
