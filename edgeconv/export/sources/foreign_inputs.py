"""The inputs of another tool's ONNX file, of fixed sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import onnx
from onnx import TensorProto

from edgeconv.data.arrays import LABEL
from edgeconv.data.inputs import InputSpec
from edgeconv.errors import NetRefused, UsageError

Shapes = Mapping[str, tuple[int, ...]]

#: Of an image: grey, colour, and with a fourth.
_CHANNELS = (1, 3, 4)
#: What an open number of channels is taken for.
_RGB = 3
_IMAGE_AXES = 4


def fixed_shapes(
    proto: onnx.ModelProto, path: Path, batch: int, input_size: tuple[int, int] | None
) -> dict[str, tuple[int, ...]]:
    """The shape of each input, every open size filled in.

    Raises:
        NetRefused: an input is not float32, or has no batch axis; or there is none.
        UsageError: the batch or an image is of another size than the file's, or is not told.
    """
    if not proto.graph.input:
        raise NetRefused(f"{path} takes no input")
    return {
        value.name: _shape(value, path, batch, input_size)
        for value in proto.graph.input
        if _require_reals(value, path)
    }


def are_nhwc(shapes: Shapes) -> bool:
    """Whether images are (N, H, W, C): one looks like it, and none like (N, C, H, W)."""
    images = [shape for shape in shapes.values() if len(shape) == _IMAGE_AXES]
    first = [shape[1] in _CHANNELS for shape in images]
    last = [shape[3] in _CHANNELS for shape in images]
    return any(last) and not any(first)


def specs(shapes: Shapes, *, nhwc: bool) -> tuple[InputSpec, ...]:
    """The inputs as the hub graph has them, images (C, H, W), under the file's own names."""
    found = []
    for name, (_, *shape) in shapes.items():
        turned = [shape[2], shape[0], shape[1]] if nhwc and len(shape) == 3 else shape
        found.append(InputSpec(name, tuple(turned)))
    return tuple(found)


def require_names(inputs: Sequence[InputSpec], taken: str, path: Path) -> None:
    """Raises NetRefused where samples and files cannot call an input as it is called."""
    for name in (spec.name for spec in inputs):
        if not name.isprintable() or not name.strip() or name in (taken, LABEL):
            raise NetRefused(f"{path} has an input called {name!r}; give it another name")


def _require_reals(value: onnx.ValueInfoProto, path: Path) -> bool:
    tensor = value.type.tensor_type
    if tensor.elem_type != TensorProto.FLOAT or not tensor.shape.dim:
        kind = TensorProto.DataType.Name(tensor.elem_type).lower()
        raise NetRefused(
            f"{path} takes {value.name}, {kind} of {len(tensor.shape.dim)} axes; edgeconv takes "
            "float32 inputs whose first axis is the batch. Export it without what turns whole "
            "numbers into reals (an embedding, a cast), and do that in the app"
        )
    return True


def _shape(
    value: onnx.ValueInfoProto, path: Path, batch: int, input_size: tuple[int, int] | None
) -> tuple[int, ...]:
    dims = value.type.tensor_type.shape.dim
    known = [int(dim.dim_value) if dim.dim_value > 0 else None for dim in dims]
    if known[0] not in (None, batch):
        raise UsageError(
            f"{path} is made for batches of {known[0]}; give --batch {known[0]}, or export it with "
            "an open batch size"
        )
    known[0] = batch
    if len(known) == _IMAGE_AXES:
        _fill_image(known, value, path, input_size)
    still_open = list(_open_axes(known, dims))
    if still_open:
        raise UsageError(
            f"{path} leaves sizes of {value.name} open ({', '.join(still_open)}); export it with "
            "fixed ones"
        )
    return tuple(size for size in known if size is not None)


def _open_axes(
    known: Sequence[int | None], dims: Sequence[onnx.TensorShapeProto.Dimension]
) -> Iterator[str]:
    for axis, (size, dim) in enumerate(zip(known, dims, strict=True)):
        if size is None:
            yield dim.dim_param or f"axis {axis}"


def _fill_image(
    known: list[int | None],
    value: onnx.ValueInfoProto,
    path: Path,
    input_size: tuple[int, int] | None,
) -> None:
    """Fills in an image's open sizes."""
    dims = value.type.tensor_type.shape.dim
    is_nhwc = known[3] in _CHANNELS and known[1] not in _CHANNELS
    channels, places = (3, (1, 2)) if is_nhwc else (1, (2, 3))
    names = [dims[place].dim_param or f"axis {place}" for place in places]
    for place, side in zip(places, input_size or (None, None), strict=True):
        if known[place] is None and side is None:
            raise UsageError(
                f"{path} leaves the size of its image open ({' x '.join(names)}); give "
                "--input-size HEIGHTxWIDTH"
            )
        if side is not None and known[place] not in (None, side):
            raise UsageError(
                f"{path} is made for images of {known[places[0]]} x {known[places[1]]}; leave "
                "--input-size out, or export it with open sizes"
            )
        known[place] = known[place] or side
    known[channels] = known[channels] or _RGB
