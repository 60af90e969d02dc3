"""Turns photos and tensors into what a model file takes, and what it gives back into real numbers.

An app does the same: it reads the input's type and layout from the file and feeds accordingly.

| the file's input | is fed                                                                   |
| ---------------- | ------------------------------------------------------------------------ |
| float32          | the normalized photo, the tensor                                         |
| int8, int16      | round_half_even(that / scale) + zero_point, clamped to the type          |
| uint8            | the raw pixels: normalization is inside the model                        |

Layout is NCHW or NHWC, whichever the declared shape is; of a tensor of other than four axes it is
the net's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import ArtifactRefused, UsageError
from edgeconv.runtime.feeds import Batch
from edgeconv.runtime.session import EngineName, Session, TensorSpec, run_each

Layout = Literal["NCHW", "NHWC"]


def raw_reals(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 (N, H, W, C) as a net takes them that normalizes by itself: float32 (N, C, H, W)."""
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32)


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

    @property
    def reals(self) -> Batch:
        """What the float net takes."""
        return self.normalized

    @property
    def raw_reals(self) -> NDArray[np.float32]:
        """What a net takes that normalizes by itself: float32 (N, C, H, W) of 0 to 255."""
        return raw_reals(self.raw)

    def __len__(self) -> int:
        return len(self.normalized)

    def __getitem__(self, which: slice) -> Images:
        """Some of the photos, as views."""
        return Images(self.normalized[which], None if self.pixels is None else self.pixels[which])


@dataclass(frozen=True, eq=False)
class Tensors:
    """Samples of a net that is fed no photos.

    Attributes:
        arrays: float32 (N, ...) for each input by its name.
        as_in_file: whether the axes are in the order of the file that is fed; else in the net's.
    """

    arrays: Mapping[str, NDArray[np.float32]]
    as_in_file: bool = False

    def __post_init__(self) -> None:
        for name, array in self.arrays.items():
            if array.dtype != np.float32 or array.shape[:1] != (len(self),):
                raise UsageError(
                    f"tensors are float32 ({len(self)}, ...), not {array.dtype} {array.shape} "
                    f"({name})"
                )

    @property
    def reals(self) -> Batch:
        """What the float net takes."""
        return self.arrays if len(self.arrays) > 1 else next(iter(self.arrays.values()))

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def __getitem__(self, which: slice) -> Tensors:
        """Some of the samples, as views."""
        some = {name: array[which] for name, array in self.arrays.items()}
        return Tensors(some, self.as_in_file)

    def of(self, name: str) -> NDArray[np.float32]:
        """The array of one input; that of a net's only input has any name."""
        if len(self.arrays) == 1:
            return next(iter(self.arrays.values()))
        if name not in self.arrays:
            raise UsageError(
                f"the model takes an input {name}; the samples are of {', '.join(self.arrays)}"
            )
        return self.arrays[name]


Samples: TypeAlias = Images | Tensors
"""What nets and files are run on."""


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


def app_inputs(session: Session, samples: Samples) -> list[NDArray[Any]]:
    """What an app feeds for these samples, an array for each input; raises as `app_input`."""
    if isinstance(samples, Images) and len(session.inputs) != 1:
        raise UsageError(f"the model takes {len(session.inputs)} inputs, photos are one")
    return [app_input(spec, samples, session.engine) for spec in session.inputs]


def app_input(
    spec: TensorSpec, samples: Samples, engine: EngineName = "onnxruntime"
) -> NDArray[Any]:
    """What an app feeds for these samples: (N, ...) in the input's own type and layout.

    Args:
        spec: the file's input.
        samples: photos, or tensors.
        engine: of the file; decides the layout where both are of one shape.

    Raises:
        UsageError: samples of another size, or raw pixels are wanted and not at hand.
        ArtifactRefused: an input type that no photo can be turned into.
    """
    if isinstance(samples, Tensors):
        array = samples.of(spec.name)
        order = (0, 2, 3, 1) if array.ndim == 4 and not samples.as_in_file else range(array.ndim)
        return _in_type(_in_layout(array, array.transpose(tuple(order)), spec, engine), spec)
    layout = layout_of(spec, samples)
    if spec.dtype == np.uint8:
        pixels = samples.raw
        return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2) if layout == "NCHW" else pixels)
    array = samples.normalized
    return _in_type(array.transpose(0, 2, 3, 1) if layout == "NHWC" else array, spec)


def _in_layout(
    array: NDArray[np.float32], turned: NDArray[np.float32], spec: TensorSpec, engine: EngineName
) -> NDArray[np.float32]:
    """A tensor in the order of axes of a file's input; raises UsageError where it fits none."""
    both = (turned, array) if engine == "litert" else (array, turned)
    fitting = [each for each in both if each.shape[1:] == spec.shape[1:]]
    if not fitting:
        raise UsageError(
            f"input {spec.name} has the shape {spec.shape}; a sample is of shape {array.shape[1:]}"
        )
    return fitting[0]


def _in_type(array: NDArray[np.float32], spec: TensorSpec) -> NDArray[Any]:
    reals = array if spec.dtype == np.float32 else quantize(array, spec)
    return np.ascontiguousarray(reals)


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
    """How many samples a model takes at once; raises UsageError where it takes none."""
    if not session.inputs:
        raise UsageError("the model takes no input")
    for spec in session.inputs:
        if not spec.shape or spec.shape[0] < 1:
            raise UsageError(f"input {spec.name} of shape {spec.shape} takes no photo")
    sizes = {spec.shape[0] for spec in session.inputs}
    if len(sizes) > 1:
        told = ", ".join(f"{spec.name} {spec.shape}" for spec in session.inputs)
        raise UsageError(f"the model's inputs take different numbers of samples at once: {told}")
    return sizes.pop()


def run_outputs(session: Session, images: Samples) -> list[NDArray[Any]]:
    """Every output for every photo, what is quantized as reals: (N, ...) each, in the file's order.

    Photos go in by the file's own batch size; the last batch is filled up with its last photo. See
    `join_runs` for outputs without a batch axis.
    """
    if not len(images):
        raise UsageError("no photos were given")
    batch, fed = batch_size(session), fed_batches(session, images)
    for spec in session.outputs:
        if batch > 1 and spec.shape[:1] != (batch,):
            raise ArtifactRefused(
                f"output {spec.name} has the shape {spec.shape}: not one row for each of the "
                f"{batch} photo(s) the model takes at once"
            )
    runs = run_each(session, fed)
    outputs = zip(session.outputs, zip(*runs, strict=True), strict=True)
    return [dequantize(join_runs(made, batch)[: len(images)], spec) for spec, made in outputs]


def fed_batches(session: Session, samples: Samples) -> Iterator[tuple[NDArray[Any], ...]]:
    """What an app feeds a file, run by run; the last batch is filled up with its last sample."""
    batch, fed = batch_size(session), app_inputs(session, samples)
    return zip(*(full_batches(array, batch) for array in fed), strict=True)


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


def run_logits(session: Session, images: Samples) -> NDArray[np.float32]:
    """The first output for every photo as real numbers: float32 (N, classes)."""
    return run_outputs(session, images)[0]


def full_batches(array: NDArray[Any], batch: int) -> Iterator[NDArray[Any]]:
    """An array's rows, `batch` at a time; the last batch is filled up with the last row."""
    for start in range(0, len(array), batch):
        part = array[start : start + batch]
        missing = batch - len(part)
        yield np.concatenate([part, np.repeat(part[-1:], missing, axis=0)]) if missing else part
