"""The activations of an int8 TFLite file at a layer of the float net."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import BundleRefused, UsageError
from edgeconv.files.tflite.file import read
from edgeconv.quantize.repair.repairs import Repairs, sources
from edgeconv.runtime.adapt import Images, dequantize, run_logits
from edgeconv.runtime.litert import LiteRtSession
from edgeconv.runtime.session import SessionOptions

#: Farthest that a tensor of the float file may be from the float net's, relative to the largest
#: value, to count as the same; the two differ by rounding.
_SMALLEST = np.finfo(np.float32).tiny
_SAME = 1e-3


@dataclass(frozen=True)
class Pair:
    """The two TFLite files of one export, whose tensors bear the same names.

    Attributes:
        int8: the int8 file.
        floating: the float file.
        repairs: what was done to single channels of the int8 file.
    """

    int8: Path
    floating: Path
    repairs: Repairs


@dataclass(frozen=True, eq=False)
class Int8Run:
    """What the int8 file made of a photo.

    Attributes:
        layer: path of the layer in the float net.
        tensor: name of the file's tensor that holds the layer's output.
        activations: float32 (C, h, w), dequantized, channel scaling undone.
        logits: float32 (classes,).
    """

    layer: str
    tensor: str
    activations: NDArray[np.float32]
    logits: NDArray[np.float32]


class Int8File:
    """Both files of an export, run on one photo with every tensor kept."""

    def __init__(self, pair: Pair, images: Images) -> None:
        """Runs both; raises ArtifactRefused or UsageError where a file cannot take the photo."""
        self._pair = pair
        keep = SessionOptions(keep_tensors=True)
        self._floating = LiteRtSession(pair.floating, keep)
        self._int8 = LiteRtSession(pair.int8, keep)
        self.float_logits = run_logits(self._floating, images)[0]
        self.logits = run_logits(self._int8, images)[0]
        self._names = [t.name for o in read(pair.floating).operators for t in o.outputs[:1]]

    def require_same_net(self, logits: NDArray[np.float32]) -> None:
        """Raises UsageError unless the float file gives the float net's logits.

        Where the files have a softmax behind them, `logits` becomes logits of the same softmax.
        """
        if _same(self.float_logits, logits):
            return
        rows = (self.float_logits, self.logits)
        self.float_logits, self.logits = (np.log(np.maximum(row, _SMALLEST)) for row in rows)
        if not _same(self.float_logits - self.float_logits.max(), logits - logits.max()):
            raise UsageError(
                f"{self._pair.floating} gives other logits than the float net: the bundle was "
                "exported with other weights or options; give those with --weights and "
                "--net-option"
            )

    def find(self, values: NDArray[np.float32]) -> str | None:
        """The tensor that holds what a layer of the float net gives, None where none does.

        It is found by its values in the float file, so that no naming rule can mislead: a layer
        that is folded into another, or computed inside one, has no tensor.

        Args:
            values: float32 (C, h, w).
        """
        specs = self._floating.tensor_specs()
        int8 = self._int8.tensor_specs()
        wanted = (values.shape[1], values.shape[2], values.shape[0])
        for name in reversed(self._names):
            if name not in specs or specs[name].shape[1:] != wanted or name not in int8:
                continue
            found = self._floating.read_tensor(name)[0].transpose(2, 0, 1)
            if _same(found, values):
                return name
        return None

    def activations(self, tensor: str) -> NDArray[np.float32]:
        """What the int8 file holds in a tensor, as the float net would: float32 (C, h, w).

        Order, scaling and shifting of channels are undone, copies of a channel become their mean.

        Raises:
            BundleRefused: the repairs do not fit the files.
        """
        real = dequantize(self._int8.read_tensor(tensor), self._int8.tensor_specs()[tensor])[0]
        repairs = self._pair.repairs
        offsets = repairs.offsets.get(tensor, (0.0,))
        factors = repairs.factors.get(tensor, (1.0,))
        for told in (offsets, factors):
            if len(told) not in (1, real.shape[-1]):
                raise BundleRefused(
                    f"the manifest has a repair of {len(told)} channels for the "
                    f"{real.shape[-1]} of {tensor}; export the net again"
                )
        order = self._order(tensor, real.shape[-1])
        restored = (real + np.array(offsets)) / np.array(factors)
        copies = repairs.copies.get(tensor, {})
        if copies:
            of = sources(copies, real.shape[-1])
            for source in set(copies.values()):
                restored[..., source] = restored[..., of == source].mean(axis=-1)
            free = list(copies)  # whatever the photo, the float net has one value there
            restored[..., free] = self._floating.read_tensor(tensor)[0][..., order[free]]
        restored = restored[..., np.argsort(order)]
        return np.ascontiguousarray(restored.astype(np.float32).transpose(2, 0, 1))

    def _order(self, tensor: str, channels: int) -> NDArray[np.int64]:
        """Which of the float net's channels each of a tensor's is, (channels,)."""
        order = np.array(self._pair.repairs.orders.get(tensor, range(channels)), np.int64)
        if not np.array_equal(np.sort(order), np.arange(channels)):
            raise BundleRefused(
                f"the manifest has an order of {len(order)} channels that are not the {channels} "
                f"of {tensor}; export the net again"
            )
        return order


def _same(a: NDArray[np.float32], b: NDArray[np.float32]) -> bool:
    if a.shape != b.shape:
        return False
    largest = float(np.abs(b).max())
    return bool(np.abs(a - b).max() <= _SAME * largest) if largest else not a.any()
