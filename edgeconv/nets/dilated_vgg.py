"""The dilated VGG-16 front end and its context module, for dense prediction at output stride 8.

Yu and Koltun, "Multi-Scale Context Aggregation by Dilated Convolutions",
https://arxiv.org/abs/1511.07122: the front end in section 4, the context module in section 3 and
Table 1, basic and large. The front end is VGG-16 without its last two max-pools, whose place
dilations of 2 and then 4 take, and with its fully connected layers as convolutions. Parameter names
are the layers' names in the authors' Caffe files.

Deviation from the paper: `padding="valid"` pads nothing in the front end, as the paper does, which
feeds photos with a reflected margin; the map is then 372 pixels' worth smaller than the input. The
default, `symmetric`, pads every convolution with zeros, so that the map is an eighth of the input
and small inputs serve. The context module pads every convolution with zeros in either case, as the
authors' training code does. The map is left at an eighth: enlarging it is the app's.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from edgeconv.nets.blocks import initialise

_VGG_16 = (  # channels, convolutions, dilation, max-pool behind them
    (64, 2, 1, True),
    (128, 2, 1, True),
    (256, 3, 1, True),
    (512, 3, 1, False),
    (512, 3, 2, False),
)
_FULL_CHANNELS = 4096
_CONTEXT_DILATIONS = (1, 1, 2, 4, 8, 16, 1)
_CONTEXT_WIDTHS = {  # channels of those convolutions, in classes
    "basic": (1, 1, 1, 1, 1, 1, 1),
    "large": (2, 2, 4, 8, 16, 32, 32),
}
_CONTEXT_NAMES = ("conv1_1", "conv1_2", "conv2_1", "conv3_1", "conv4_1", "conv5_1", "fc1")


class _Layers:
    """Collects convolutions and their ReLUs under the authors' names."""

    def __init__(self, channels: int, padded: bool) -> None:
        self.modules: dict[str, nn.Module] = {}
        self.channels = channels
        self.padded = padded

    def conv(self, name: str, out: int, kernel: int, dilation: int = 1) -> None:
        """A convolution with bias, at stride 1."""
        padding = dilation * (kernel // 2) if self.padded else 0
        self.modules[name] = nn.Conv2d(
            self.channels, out, kernel, padding=padding, dilation=dilation
        )
        self.channels = out

    def conv_relu(self, name: str, out: int, kernel: int, dilation: int = 1) -> None:
        """The same and a ReLU."""
        self.conv(name, out, kernel, dilation)
        self.modules[f"{name}_relu"] = nn.ReLU()


def _front_end(classes: int, padded: bool) -> dict[str, nn.Module]:
    layers = _Layers(3, padded)
    for number, (channels, count, dilation, pooled) in enumerate(_VGG_16, start=1):
        for index in range(1, count + 1):
            layers.conv_relu(f"conv{number}_{index}", channels, 3, dilation)
        if pooled:
            layers.modules[f"pool{number}"] = nn.MaxPool2d(2)
    layers.conv_relu("fc6", _FULL_CHANNELS, 7, dilation=4)
    layers.modules["drop6"] = nn.Dropout(0.5)
    layers.conv_relu("fc7", _FULL_CHANNELS, 1)
    layers.modules["drop7"] = nn.Dropout(0.5)
    layers.conv("final", classes, 1)
    return layers.modules


def _context(classes: int, kind: str) -> dict[str, nn.Module]:
    layers = _Layers(classes, padded=True)
    planned = zip(_CONTEXT_NAMES, _CONTEXT_WIDTHS[kind], _CONTEXT_DILATIONS, strict=True)
    for name, width, dilation in planned:
        layers.conv_relu(f"ctx_{name}", width * classes, 3, dilation)
    layers.conv("ctx_final", classes, 1)
    return layers.modules


def _in_order(layers: dict[str, nn.Module]) -> nn.Sequential:
    net = nn.Sequential(OrderedDict(layers))
    initialise(net)
    return net


def dilated_vgg16_frontend(classes: int = 21, padding: str = "symmetric") -> nn.Sequential:
    """Map (N, 3, H, W) to class scores (N, classes, H / 8, W / 8)."""
    return _in_order(_front_end(classes, padding == "symmetric"))


def dilated_vgg16_context(
    classes: int = 21, padding: str = "symmetric", context: str = "basic"
) -> nn.Sequential:
    """The front end and the context module, which keeps the shape of its scores."""
    front_end = _front_end(classes, padding == "symmetric")
    return _in_order({**front_end, **_context(classes, context)})


def context_module(classes: int = 21, context: str = "basic") -> nn.Sequential:
    """The context module alone: (N, classes, H, W) to the same shape."""
    return _in_order(_context(classes, context))
