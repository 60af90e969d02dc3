"""Turns photos into what a model file takes, and what it gives back into real numbers.

An app does the same: it reads the input's type and layout from the file and feeds accordingly.

| the file's input | is fed                                                                   |
| ---------------- | ------------------------------------------------------------------------ |
| float32          | the normalized photo                                                     |
| int8, int16      | round_half_even(normalized / scale) + zero_point, clamped to the type    |
| uint8            | the raw pixels: normalization is inside the model                        |

Layout is NCHW or NHWC, whichever the declared shape is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import ArtifactRefused, UsageError
from edgeconv.runtime.session import Session, TensorSpec, run_each

Layout = Literal["NCHW", "NHWC"]


@dataclass(frozen=True, eq=False)
class Images:
    """Photos, preprocessed once for every runtime.

    Attributes:
        normalized: float32 (N, 3, H, W), what the float net takes.
        pixels: uint8 (N, H, W, 3), the same crops before normalization; None where only the
            normalized photos are at hand, which a file that takes raw pixels cannot use.
    """

    normalized: NDArray[np.float32]
    pixels: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        if self.normalized.ndim != 4 or self.normalized.dtype != np.float32:
            raise UsageError(
                "normalized photos are float32 (N, C, H, W), not "
                f"{self.normalized.dtype} {self.normalized.shape}"
            )
        if self.pixels is None:
            return
        n, c, h, w = self.normalized.shape
        if self.pixels.shape != (n, h, w, c) or self.pixels.dtype != np.uint8:
            raise UsageError(
                f"pixels are uint8 {(n, h, w, c)}, not {self.pixels.dtype} {self.pixels.shape}"
            )

    @property
    def raw(self) -> NDArray[np.uint8]:
        """The pixels; raises UsageError where they are not at hand."""
        if self.pixels is None:
            raise UsageError("raw uint8 pixels are needed, and only normalized photos were given")
        return self.pixels

    def __len__(self) -> int:
        return len(self.normalized)

    def __getitem__(self, which: slice) -> Images:
        """Some of the photos, as views."""
        return Images(self.normalized[which], None if self.pixels is None else self.pixels[which])


def layout_of(spec: TensorSpec, images: Images) -> Layout:
    """The layout of a model's image input; raises UsageError where the photos do not fit it."""
    _, c, h, w = images.normalized.shape
    if spec.shape[1:] == (c, h, w):
        return "NCHW"
    if spec.shape[1:] == (h, w, c):
        return "NHWC"
    raise UsageError(
        f"input {spec.name} has the shape {spec.shape}; the photos are {h} x {w} with {c} channels"
    )


def app_input(spec: TensorSpec, images: Images) -> NDArray[Any]:
    """What an app feeds for these photos: (N, ...) in the input's own type and layout.

    Raises:
        UsageError: photos of another size, or raw pixels are wanted and not at hand.
        ArtifactRefused: an input type that no photo can be turned into.
    """
    layout = layout_of(spec, images)
    if spec.dtype == np.uint8:
        pixels = images.raw
        return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2) if layout == "NCHW" else pixels)
    array = images.normalized
    if layout == "NHWC":
        array = array.transpose(0, 2, 3, 1)
    if spec.dtype == np.float32:
        return np.ascontiguousarray(array)
    return np.ascontiguousarray(quantize(array, spec))


def quantize(array: NDArray[np.float32], spec: TensorSpec) -> NDArray[Any]:
    """Real numbers as a tensor's integers: rounded half to even, clamped to the type.

    NaN becomes the zero point. The division is in float32, as in ONNX QuantizeLinear.
    """
    if spec.scale is None or spec.zero_point is None or not np.issubdtype(spec.dtype, np.integer):
        raise ArtifactRefused(
            f"{spec.name} is {spec.dtype} without a scale; known are float32, uint8 pixels, "
            "and integers with a scale and a zero point"
        )
    limits = np.iinfo(spec.dtype)
    steps = np.rint(np.nan_to_num(array / np.float32(spec.scale))) + spec.zero_point
    integers: NDArray[Any] = np.clip(steps, limits.min, limits.max).astype(spec.dtype)
    return integers


def dequantize(array: NDArray[Any], spec: TensorSpec) -> NDArray[Any]:
    """A tensor's integers as real numbers, float32; places and truth values as they are."""
    if spec.scale is None or spec.zero_point is None:
        return array.astype(np.float32) if array.dtype.kind == "f" else array
    centred = array.astype(np.int64) - spec.zero_point
    return (centred * np.float64(spec.scale)).astype(np.float32)


def batch_size(session: Session) -> int:
    """How many photos a model takes at once; raises UsageError where it takes none."""
    if len(session.inputs) != 1:
        raise UsageError(f"the model takes {len(session.inputs)} inputs, photos are one")
    shape = session.inputs[0].shape
    if not shape or shape[0] < 1:
        raise UsageError(f"input {session.inputs[0].name} of shape {shape} takes no photo")
    return shape[0]


def run_outputs(session: Session, images: Images) -> list[NDArray[Any]]:
    """Every output for every photo, what is quantized as reals: (N, ...) each, in the file's order.

    Photos go in by the file's own batch size; the last batch is filled up with its last photo. See
    `join_runs` for outputs without a batch axis.
    """
    if not len(images):
        raise UsageError("no photos were given")
    batch = batch_size(session)
    fed = app_input(session.inputs[0], images)
    for spec in session.outputs:
        if batch > 1 and spec.shape[:1] != (batch,):
            raise ArtifactRefused(
                f"output {spec.name} has the shape {spec.shape}: not one row for each of the "
                f"{batch} photo(s) the model takes at once"
            )
    runs = run_each(session, ([part] for part in full_batches(fed, batch)))
    outputs = zip(session.outputs, zip(*runs, strict=True), strict=True)
    return [dequantize(join_runs(made, batch)[: len(fed)], spec) for spec, made in outputs]


def join_runs(made: Sequence[NDArray[Any]], batch: int) -> NDArray[Any]:
    """What several inferences gave of one output, as (N, ...).

    An output without a batch axis, such as a scalar, is the whole of what one photo gave: it
    becomes that photo's row.

    Args:
        made: an array for each inference, (batch, ...); anything where `batch` is 1.
        batch: photos in an inference.
    """
    has_batch_axis = made[0].shape[:1] == (batch,)
    return np.concatenate(made) if has_batch_axis else np.stack(made)


def run_logits(session: Session, images: Images) -> NDArray[np.float32]:
    """The first output for every photo as real numbers: float32 (N, classes)."""
    return run_outputs(session, images)[0]


def full_batches(array: NDArray[Any], batch: int) -> Iterator[NDArray[Any]]:
    """An array's rows, `batch` at a time; the last batch is filled up with the last row."""
    for start in range(0, len(array), batch):
        part = array[start : start + batch]
        missing = batch - len(part)
        yield np.concatenate([part, np.repeat(part[-1:], missing, axis=0)]) if missing else part
