"""From a photo, a net and perhaps its int8 file to an explanation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import special, stats

from edgeconv.errors import UnknownName, UsageError
from edgeconv.explain import calls
from edgeconv.explain.gradcam import Cam, grad_cam
from edgeconv.explain.guided import guided_backpropagation
from edgeconv.explain.int8_file import Int8File, Int8Run, Pair
from edgeconv.explain.picture import (
    Panel,
    difference_panel,
    enlarged,
    gradient_picture,
    map_panel,
)
from edgeconv.nets.layers import find_layer
from edgeconv.nets.load import LoadedNet
from edgeconv.runtime.adapt import Images
from edgeconv.runtime.metrics import sqnr_db

#: How many layers an error offers.
_OFFERED = 5


@dataclass(frozen=True)
class ClassScore:
    """What a net says of one class: its index, its name where known, its softmax probability."""

    index: int
    label: str | None
    probability: float

    def __str__(self) -> str:
        name = f"class {self.index}" if self.label is None else self.label
        return f"{name} {100 * self.probability:.1f} %"


@dataclass(frozen=True, eq=False)
class Side:
    """One net's view: the float net's or the int8 file's.

    Attributes:
        cam: Grad-CAM of the explained class.
        explained: the class, as this net scores it.
        top: the class this net finds most probable.
    """

    cam: Cam
    explained: ClassScore
    top: ClassScore

    def to_json(self) -> dict[str, Any]:
        """The scores, and the map."""
        return {"explained": self.explained, "top1": self.top, "map": self.cam.map}


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a net looks at in one photo.

    Attributes:
        pixels: uint8 (H, W, channels), the part of the photo that the net sees.
        layer: whose feature map was weighed.
        floating: the float net.
        guided: guided backpropagation, float32 (channels, H, W).
        int8: the int8 file, None where none was given.
        tensor: the int8 file's name of the layer's output.
    """

    pixels: NDArray[np.uint8]
    layer: str
    floating: Side
    guided: NDArray[np.float32]
    int8: Side | None = None
    tensor: str | None = None

    @property
    def rank_correlation(self) -> float | None:
        """Spearman's, of the float map and the int8 map; None where one is flat, or no int8 file.

        Over the layer's own positions, before the maps are enlarged.
        """
        return None if self.int8 is None else _spearman(self.floating.cam.map, self.int8.cam.map)

    @property
    def signed_rank_correlation(self) -> float | None:
        """The same before the maps' final ReLU, whose zeros are ties."""
        if self.int8 is None:
            return None
        return _spearman(self.floating.cam.signed, self.int8.cam.signed)

    @property
    def activation_sqnr_db(self) -> float | None:
        """How close the int8 file's activations at the layer are to the float net's."""
        if self.int8 is None:
            return None
        return sqnr_db(self.floating.cam.activations, self.int8.cam.activations)

    def panels(self) -> list[Panel]:
        """The photo, the maps, and what they say."""
        where = self.floating.cam.map
        gated = self.guided * enlarged(where, (self.pixels.shape[0], self.pixels.shape[1]))
        floating = str(self.floating.explained)
        top = f"float: {self.floating.top}"
        tops = (top,) if self.int8 is None else (top, f"int8: {self.int8.top}")
        panels = [
            Panel(self.pixels, tops),
            map_panel(self.pixels, where, ("Grad-CAM, float", floating)),
            Panel(gradient_picture(self.guided), ("guided backpropagation", floating)),
            Panel(gradient_picture(gated), ("guided Grad-CAM", floating)),
        ]
        if self.int8 is not None:
            theirs, said = self.int8.cam.map, str(self.int8.explained)
            panels += [
                map_panel(self.pixels, theirs, ("Grad-CAM, int8", said)),
                difference_panel(
                    self.pixels, where, theirs, ("int8 less float", self._agreement())
                ),
            ]
        return panels

    def to_json(self) -> dict[str, Any]:
        """Classes, maps and how well they agree."""
        document: dict[str, Any] = {
            "layer": self.layer,
            "layer_shape": self.floating.cam.activations.shape,
            "float": self.floating,
        }
        if self.int8 is not None:
            document |= {
                "int8": self.int8,
                "tensor": self.tensor,
                "rank_correlation": self.rank_correlation,
                "signed_rank_correlation": self.signed_rank_correlation,
                "activation_sqnr_db": self.activation_sqnr_db,
            }
        return document

    def _agreement(self) -> str:
        figure = self.rank_correlation
        return "a flat map" if figure is None else f"rank correlation {figure:.3f}"


def explain(
    net: LoadedNet,
    images: Images,
    *,
    wanted: str | None = None,
    layer: str | None = None,
    pair: Pair | None = None,
    labels: Sequence[str] | None = None,
) -> Explanation:
    """Explains one class of one photo.

    Args:
        net: its module is not changed.
        images: one photo, with its pixels.
        wanted: a class's index or name; None means the float net's most probable one.
        layer: path of the layer whose feature map is weighed; None means the last one before the
            global pooling (that the int8 file holds, too).
        pair: the TFLite files of a bundle of this net.
        labels: names of the classes; None means the net's.

    Raises:
        UnknownName: no such class or layer.
        UsageError: the layer gives no feature map or has none in the int8 file, the net is no
            classifier, or the files are not this net's.
    """
    module = net.module.eval()
    x = torch.from_numpy(images.normalized)
    labels = net.labels if labels is None else labels
    if layer is not None:
        find_layer(module, layer)
    run = calls.run(module, x)
    logits = run.logits[0].numpy()
    index = _class_index(wanted, logits, labels)
    quantized = None
    if pair is None:
        layer = layer or _last(run)
    else:
        quantized = _int8_run(net, x, images, layer, run, pair)
        layer = quantized.layer
    cam = grad_cam(module, layer, x, index)
    int8 = None
    if quantized is not None:
        own = grad_cam(module, layer, x, index, activations=quantized.activations)
        int8 = _side(own, quantized.logits, index, labels)
    return Explanation(
        pixels=images.raw[0],
        layer=layer,
        floating=_side(cam, logits, index, labels),
        guided=guided_backpropagation(module, x, index),
        int8=int8,
        tensor=None if quantized is None else quantized.tensor,
    )


def _last(run: calls.Calls) -> str:
    if not run.feature_maps:
        raise UsageError("no layer of the net gives a feature map; Grad-CAM needs a convolution")
    return run.feature_maps[-1]


def _int8_run(
    net: LoadedNet,
    x: torch.Tensor,
    images: Images,
    layer: str | None,
    run: calls.Calls,
    pair: Pair,
) -> Int8Run:
    """The int8 file's activations at a layer; at the last one it holds where none is asked for."""
    file = Int8File(pair, images)
    file.require_same_net(run.logits[0].numpy())
    _last(run)
    for candidate in [layer] if layer is not None else reversed(run.feature_maps):
        tensor = file.find(grad_cam(net.module, candidate, x, 0).activations)
        if tensor is not None:
            return Int8Run(candidate, tensor, file.activations(tensor), file.logits)
    offered = ", ".join(run.feature_maps[-_OFFERED:])
    raise UsageError(
        f"{pair.int8} holds no tensor of layer {layer}: it is folded into another operator. Choose "
        f"the layer behind it; the net's last feature maps are {offered}"
        if layer is not None
        else f"{pair.int8} holds none of the net's feature maps; name a layer with --layer"
    )


def _class_index(
    wanted: str | None, logits: NDArray[np.float32], labels: Sequence[str] | None
) -> int:
    """The index of a class given by number or name; the most probable one by default."""
    if wanted is None:
        return int(logits.argmax())
    if wanted.isdecimal():
        if int(wanted) >= len(logits):
            raise UsageError(f"class {wanted} cannot be; the net has 0 to {len(logits) - 1}")
        return int(wanted)
    if labels is None:
        raise UsageError(
            f"{wanted} is no number, and the names of the net's classes are not known; give 0 to "
            f"{len(logits) - 1}"
        )
    found = [i for i, label in enumerate(labels) if label.casefold() == wanted.casefold()]
    if len(found) > 1:
        raise UsageError(f"{wanted} is the name of the classes {found}; give the number of one")
    if not found:
        raise UnknownName("class of the net", wanted, labels, "A class is a name or a number")
    return found[0]


def _side(cam: Cam, logits: NDArray[np.float32], index: int, labels: Sequence[str] | None) -> Side:
    probabilities = special.softmax(logits.astype(np.float64))

    def score(i: int) -> ClassScore:
        return ClassScore(i, None if labels is None else labels[i], float(probabilities[i]))

    return Side(cam, score(index), score(int(logits.argmax())))


def _spearman(a: NDArray[np.float32], b: NDArray[np.float32]) -> float | None:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(stats.spearmanr(a, b, axis=None).statistic)
