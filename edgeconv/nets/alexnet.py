"""AlexNet, with one column of layers.

Krizhevsky, "One weird trick for parallelizing convolutional neural networks",
https://arxiv.org/abs/1404.5997, section 5, the single-column form of Krizhevsky, Sutskever and
Hinton, "ImageNet Classification with Deep Convolutional Neural Networks" (NIPS 2012), section 3.5.
Parameter names are torchvision's.

Layer widths are torchvision's, whose weights need them. Deviation from the 2012 paper: no local
response normalization, which torchvision's weights were trained without.
"""

from __future__ import annotations

from torch import nn

from edgeconv.nets.grid_classifier import HIDDEN, GridClassifier, dense

_GRID = 6


def alexnet(classes: int = 1000, fully_convolutional: bool = False) -> GridClassifier:
    """AlexNet, its classifier as fully connected layers or as convolutions."""
    features = nn.Sequential(
        nn.Conv2d(3, 64, 11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
    )
    classifier = nn.Sequential(
        nn.Dropout(0.5),
        dense(256, HIDDEN, _GRID, fully_convolutional=fully_convolutional),
        nn.ReLU(),
        nn.Dropout(0.5),
        dense(HIDDEN, HIDDEN, 1, fully_convolutional=fully_convolutional),
        nn.ReLU(),
        dense(HIDDEN, classes, 1, fully_convolutional=fully_convolutional),
    )
    return GridClassifier(features, classifier, _GRID, fully_convolutional=fully_convolutional)
