"""GoogLeNet, the first Inception.

Szegedy et al., "Going Deeper with Convolutions", https://arxiv.org/abs/1409.4842, Table 1;
parameter names are torchvision's.

Deviations from the paper, all torchvision's, whose weights need them: BatchNorm behind every
convolution, no local response normalization, and 3 x 3 where the table has 5 x 5 convolutions.
The auxiliary classifiers, which only training runs, are not built; weights with them load. The
published weights want pixels mapped to -1..1, which torchvision does inside the net
(`transform_input`) and edgeconv in the preprocessing.
"""

from __future__ import annotations

from torch import Tensor, nn

from edgeconv.nets.blocks import global_average, initialise
from edgeconv.nets.inception_blocks import Concat, ConvBN, chain, pooled
from edgeconv.nets.published_state import TakesPublishedState

# Channels of 1 x 1; 3 x 3 reduced, out; 5 x 5 reduced, out; pool projection.
_Widths = tuple[int, int, int, int, int, int]
_STAGES: tuple[dict[str, _Widths], ...] = (
    {
        "3a": (64, 96, 128, 16, 32, 32),
        "3b": (128, 128, 192, 32, 96, 64),
    },
    {
        "4a": (192, 96, 208, 16, 48, 64),
        "4b": (160, 112, 224, 24, 64, 64),
        "4c": (128, 128, 256, 24, 64, 64),
        "4d": (112, 144, 288, 32, 64, 64),
        "4e": (256, 160, 320, 32, 128, 128),
    },
    {
        "5a": (256, 160, 320, 32, 128, 128),
        "5b": (384, 192, 384, 48, 128, 128),
    },
)


class GoogLeNet(TakesPublishedState):
    """A stem, nine Inception modules with pools between, and the classifier."""

    training_only = ("aux1.", "aux2.")

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = ConvBN(3, 64, 7, stride=2)
        self.maxpool1 = _pool(3)
        self.conv2 = ConvBN(64, 64)
        self.conv3 = ConvBN(64, 192, 3)
        self.maxpool2 = _pool(3)
        channels = 192
        for number, stage in enumerate(_STAGES, start=3):
            for name, widths in stage.items():
                self.add_module(f"inception{name}", inception(channels, widths))
                channels = widths[0] + widths[2] + widths[4] + widths[5]
            if number < 5:
                self.add_module(f"maxpool{number}", _pool(3 if number == 3 else 2))
        self._features = [name for name, _ in self.named_children()]
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(channels, classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, H, W) to logits (N, classes)."""
        for name in self._features:
            x = getattr(self, name)(x)
        logits: Tensor = self.fc(self.dropout(global_average(x)))
        return logits


def inception(channels: int, widths: _Widths) -> Concat:
    """A module: 1 x 1, two reduced 3 x 3 and a projected max-pool, side by side."""
    one, three_reduced, three, five_reduced, five, projection = widths
    pool = nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True)
    return Concat(
        branch1=ConvBN(channels, one),
        branch2=chain(channels, (three_reduced, 1), (three, 3)),
        branch3=chain(channels, (five_reduced, 1), (five, 3)),
        branch4=pooled(pool, channels, projection),
    )


def _pool(kernel: int) -> nn.MaxPool2d:
    return nn.MaxPool2d(kernel, stride=2, ceil_mode=True)


def googlenet(classes: int = 1000) -> GoogLeNet:
    """GoogLeNet."""
    return GoogLeNet(classes)
