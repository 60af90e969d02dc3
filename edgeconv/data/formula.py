"""In words and numbers, how an app turns the pixels it cropped into the tensor a file takes."""

from __future__ import annotations

from typing import Literal

from edgeconv.data.preprocessing import Preprocessing

Io = Literal["int8", "uint8", "float32"]

#: What pixels are called, and their channels, by how many there are.
_KINDS = {1: "grey", 3: "RGB", 4: "RGBA"}
_CHANNELS = {1: ("grey",), 3: ("R", "G", "B"), 4: ("R", "G", "B", "A")}


def affine(
    pre: Preprocessing, scale: float = 1.0, zero_point: int = 0
) -> tuple[tuple[float, float], ...]:
    """(factor, offset) of each channel such that value = factor * pixel + offset.

    With (pixel / 255 - mean) / std = scale * (value - zero_point):
    factor = 1 / (255 std scale), offset = zero_point - mean / (std scale).
    """
    return tuple(
        (1 / (255 * std * scale), zero_point - mean / (std * scale))
        for mean, std in zip(pre.mean, pre.std, strict=True)
    )


def describe_input(
    pre: Preprocessing, io: Io, scale: float | None = None, zero_point: int | None = None
) -> str:
    """The recipe as plain text of several lines, for a manifest or a README.

    Args:
        pre: the preprocessing.
        io: the type of the file's input.
        scale: the input's quantization scale; needed for int8.
        zero_point: the input's quantization zero point; needed for int8.
    """
    lines = [
        f"1. Decode the photo to 8-bit {_KINDS[pre.channels]} and turn it upright (EXIF "
        "orientation).",
        *_geometry(pre),
    ]
    number = len(lines) + 1
    if io == "uint8":
        return "\n".join([*lines, f"{number}. Feed the pixels as they are (0 to 255)."])
    if io == "float32":
        step = f"{number}. For each channel, value = (pixel / 255 - mean) / std:"
        return "\n".join([*lines, step, *_channel_lines(affine(pre))])
    if scale is None or zero_point is None:
        raise ValueError("an int8 input has a scale and a zero point")
    step = (
        f"{number}. For each channel, value = round((pixel / 255 - mean) / std / scale) + "
        f"zero_point with scale {scale:.9g} and zero_point {zero_point}, kept within -128 and 127:"
    )
    shown = _channel_lines(affine(pre, scale, zero_point), rounded=True)
    return "\n".join([*lines, step, *shown])


def _geometry(pre: Preprocessing) -> list[str]:
    """The steps from a photo to the pixels a net sees; the first is number 2."""
    height, width = pre.input_size
    if pre.resize == "stretch":
        return [
            f"2. Scale the whole photo to {width} wide, {height} high, whatever its proportions "
            f"({pre.interpolation}, antialiased)."
        ]
    return [
        f"2. Scale it so that its short side is {pre.resize} pixels ({pre.interpolation}, "
        "antialiased).",
        f"3. Cut the centre: {width} wide, {height} high.",
    ]


def describe_tensor(
    name: str,
    shape: tuple[int, ...],
    file_shape: tuple[int, ...],
    *,
    is_nhwc: bool,
    scale: float | None = None,
    zero_point: int | None = None,
) -> str:
    """How a net's tensor is fed to a file, in one line.

    Args:
        name: of the file's input.
        shape: of one sample, in the net's own order of axes.
        file_shape: of the file's input, with the batch axis.
        is_nhwc: whether the file has its images, of three axes and the batch's, channels last.
        scale: the input's quantization scale; None where it takes float32.
        zero_point: likewise.
    """
    order = "the axes in the net's own order"
    if len(shape) == 3 and is_nhwc:
        order = "the axes (1, 2, 0) of a sample behind the batch: (N, C, H, W) becomes (N, H, W, C)"
    values = "the values as the net takes them"
    if scale is not None:
        values = f"round(value / {scale:.9g}) + {zero_point}, kept within the type"
    return f"{name}: {list(file_shape)}, {order}; {values}."


def _channel_lines(pairs: tuple[tuple[float, float], ...], rounded: bool = False) -> list[str]:
    opening, closing = ("round(", ")") if rounded else ("", "")
    return [
        f"   {channel} = {opening}{factor:.9g} * pixel "
        f"{'-' if offset < 0 else '+'} {abs(offset):.9g}{closing}"
        for channel, (factor, offset) in zip(_CHANNELS[len(pairs)], pairs, strict=True)
    ]
