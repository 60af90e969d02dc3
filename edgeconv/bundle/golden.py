"""golden.npz: inputs as an app feeds them, and what the float reference makes of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from edgeconv.data.inputs import IMAGE, Intake
from edgeconv.data.npz import Header, NotNpz, Npz
from edgeconv.errors import BundleRefused
from edgeconv.runtime.adapt import Images, Samples, Tensors
from edgeconv.runtime.metrics import Whole
from edgeconv.runtime.session import Kernels
from edgeconv.verify.parity.against_reference import ARTIFACTS
from edgeconv.verify.parity.expected import Outputs, Run

FILE_NAME = "golden.npz"
_NORMALIZED = "input_float32_nchw"
_PIXELS = "input_pixels_nhwc"
_APP_INPUT = "input_app_nhwc"
_TENSOR_PREFIX = "tensor_"
_APP_PREFIX = "app_"
_OUTPUT_PREFIX = "reference_"
_FLOAT64_PREFIX = "float64_"
_EXPORTED_PREFIX = "exported_"
_SURE_PREFIX = "sure_"
_STEADY_PREFIX = "steady_"
#: The arrays of what a file gave at the export, by its name and the kernels it ran on.
_EXPORTED: Mapping[str, Run] = {
    f"{_EXPORTED_PREFIX}{artifact}_{kernels}": (artifact, kernels)
    for artifact in ARTIFACTS
    for kernels in get_args(Kernels)
}
_OUTPUT_TYPES = ("float32", "int32", "int64", "bool")
_APP_TYPES = ("int8", "uint8", "float32")


@dataclass(frozen=True, eq=False)
class Golden:
    """Test vectors of a bundle.

    Attributes:
        samples: what the float net sees, and of photos the crops it was made from.
        app_inputs: exactly what an app feeds the TFLite file of the highest compression in the
            bundle, int8, uint8 or float32, by the input's name; of images (N, H, W, C). Empty where
            the bundle holds no TFLite file.
        reference: (N, ...) for every output of the net, by its name: float32, or the whole numbers
            or truth values that it gives.
        float64: float64 (N, ...) for every output, where a float file missed its bound and what
            float32 can hold had to be known; empty otherwise.
        as_exported: what each file of integers gave for the first photos at the export, an array
            for each of `reference`, as real numbers; empty where the photos are of the kind that
            the net was made for. In the file a photo's outputs are one row, one after the other.
        whole: how sure each output is that holds whole numbers or truth values, by its name.
    """

    samples: Samples
    app_inputs: Mapping[str, NDArray[Any]]
    reference: dict[str, NDArray[Any]]
    float64: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    as_exported: dict[Run, Outputs] = field(default_factory=dict)
    whole: dict[str, Whole] = field(default_factory=dict)

    def save(self, directory: Path) -> None:
        """Writes golden.npz; its bytes depend on the arrays alone."""
        arrays = self._given()
        arrays |= {f"{_OUTPUT_PREFIX}{name}": array for name, array in self.reference.items()}
        arrays |= {f"{_FLOAT64_PREFIX}{name}": array for name, array in self.float64.items()}
        arrays |= {
            f"{_EXPORTED_PREFIX}{artifact}_{kernels}": _in_rows(outputs)
            for (artifact, kernels), outputs in self.as_exported.items()
        }
        arrays |= {f"{_SURE_PREFIX}{name}": told.sure for name, told in self.whole.items()}
        arrays |= {f"{_STEADY_PREFIX}{name}": told.steady for name, told in self.whole.items()}
        arrays |= self._fed()
        np.savez_compressed(directory / FILE_NAME, allow_pickle=False, **arrays)

    def _given(self) -> dict[str, NDArray[Any]]:
        if isinstance(self.samples, Images):
            return {_NORMALIZED: self.samples.normalized, _PIXELS: self.samples.raw}
        return {f"{_TENSOR_PREFIX}{name}": array for name, array in self.samples.arrays.items()}

    def _fed(self) -> dict[str, NDArray[Any]]:
        if isinstance(self.samples, Images):
            fed = list(self.app_inputs.values())
            return {_APP_INPUT: fed[0]} if fed else {}
        return {f"{_APP_PREFIX}{name}": array for name, array in self.app_inputs.items()}

    def check_fits(self, outputs: Mapping[str, Sequence[int]], intake: Intake) -> None:
        """Raises BundleRefused where the vectors are of another net than the manifest's.

        Args:
            outputs: shape of each output, by name.
            intake: what it takes.
        """
        count = len(self.samples)
        wanted = [spec.shape for spec in intake.inputs]
        if isinstance(self.samples, Images) != (intake.preprocessing is not None):
            raise BundleRefused(_of_another_net("samples", "of the other kind", intake))
        if isinstance(self.samples, Images):
            held = [self.samples.normalized.shape[1:]]
        else:
            arrays = self.samples.arrays
            held = [arrays[s.name].shape[1:] for s in intake.inputs if s.name in arrays]
        if held != wanted:
            raise BundleRefused(_of_another_net("samples", held, wanted))
        if set(self.reference) != set(outputs):
            names = [sorted(each)[:3] for each in (self.reference, outputs)]
            raise BundleRefused(_of_another_net("outputs", *names))
        for name, array in self.reference.items():
            # An output without a batch axis is a photo's row as it is.
            shape = tuple(outputs[name])
            if array.shape not in ((count, *shape[1:]), (count, *shape)):
                raise BundleRefused(_of_another_net(name[:80], array.shape, shape))


def _of_another_net(what: str, held: object, wanted: object) -> str:
    return (
        f"{FILE_NAME} is of another net than the manifest: {what} are {held!s:.200}, not "
        f"{wanted!s:.200}; export the net again"
    )


def load(directory: Path) -> Golden:
    """Reads golden.npz.

    Raises:
        BundleRefused: the file is missing, too large, or does not hold what it should.
    """
    path = directory / FILE_NAME
    try:
        with Npz(path) as file:
            _check_headers(file.headers)
            arrays = {name: file.read(name) for name in file.headers}
        _check_finite(arrays)
    except (OSError, NotNpz) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise BundleRefused(f"{path} cannot be read: {why}; export the net again") from error
    reference = _named(arrays, _OUTPUT_PREFIX)
    samples, app_inputs = _inputs_of(arrays)
    return Golden(
        samples=samples,
        app_inputs=app_inputs,
        reference=reference,
        float64=_named(arrays, _FLOAT64_PREFIX),
        as_exported={
            run: _from_rows(arrays[name], reference.values())
            for name, run in _EXPORTED.items()
            if name in arrays
        },
        whole={
            name: Whole(sure, arrays[f"{_STEADY_PREFIX}{name}"])
            for name, sure in _named(arrays, _SURE_PREFIX).items()
        },
    )


def _inputs_of(
    arrays: Mapping[str, NDArray[Any]],
) -> tuple[Samples, dict[str, NDArray[Any]]]:
    """The samples, and what an app feeds for them."""
    if _NORMALIZED in arrays:
        images = Images(arrays[_NORMALIZED], arrays[_PIXELS])
        return images, {IMAGE: arrays[_APP_INPUT]} if _APP_INPUT in arrays else {}
    return Tensors(_named(arrays, _TENSOR_PREFIX)), _named(arrays, _APP_PREFIX)


def _check_headers(headers: Mapping[str, Header]) -> None:
    """Raises NotNpz where the arrays are not those of a Golden, all of the same samples."""
    tensors = _tensors(headers)
    for name in () if tensors else (_NORMALIZED, _PIXELS):
        if name not in headers:
            raise NotNpz(f"it holds no {name}")
    given = next(iter(tensors.values())) if tensors else headers[_NORMALIZED]
    if not tensors and len(given.shape) != 4:
        raise NotNpz(f"{_NORMALIZED} of shape {given.shape} holds no photos")
    count = given.shape[:1]
    if not count:
        raise NotNpz("its samples have no axis that they stand along")
    if not any(name.startswith(_OUTPUT_PREFIX) for name in headers):
        raise NotNpz("it holds no reference")
    belongs = _belongs_to_tensors if tensors else _belongs_to_photos
    for name, header in headers.items():
        if not belongs(name, header, headers) and not _is_told(name, header, headers, count):
            raise NotNpz(
                f"{name}, {header.dtype.name} of shape {header.shape}, is no array that belongs "
                f"to {count[0]} samples of shape {given.shape[1:]}"
            )


def _tensors(headers: Mapping[str, Header]) -> dict[str, Header]:
    """The inputs of a net that takes no photos."""
    return {name: found for name, found in headers.items() if name.startswith(_TENSOR_PREFIX)}


def _belongs_to_photos(name: str, header: Header, headers: Mapping[str, Header]) -> bool:
    kind = header.dtype.name
    count, channels, *size = headers[_NORMALIZED].shape
    photos = (count, *size, channels)
    if name == _NORMALIZED:
        return kind == "float32"
    if name == _PIXELS:
        return kind == "uint8" and header.shape == photos
    return name == _APP_INPUT and kind in _APP_TYPES and header.shape == photos


def _belongs_to_tensors(name: str, header: Header, headers: Mapping[str, Header]) -> bool:
    kind, tensors = header.dtype.name, _tensors(headers)
    if name in tensors:
        first = next(iter(tensors.values()))
        return kind == "float32" and header.shape[:1] == first.shape[:1] != ()
    of = tensors.get(f"{_TENSOR_PREFIX}{name.removeprefix(_APP_PREFIX)}")
    if not name.startswith(_APP_PREFIX) or of is None or kind not in _APP_TYPES:
        return False
    turned = (of.shape[0], *of.shape[2:], of.shape[1]) if len(of.shape) == 4 else of.shape
    return header.shape in (of.shape, turned)


def _is_told(
    name: str, header: Header, headers: Mapping[str, Header], count: tuple[int, ...]
) -> bool:
    """Whether an array is of what the net makes of the samples, by its name, type and shape."""
    kind = header.dtype.name
    if name.startswith(_FLOAT64_PREFIX):
        reference = headers.get(_OUTPUT_PREFIX + name.removeprefix(_FLOAT64_PREFIX))
        return kind == "float64" and reference is not None and reference.shape == header.shape
    if name.startswith(_SURE_PREFIX):
        own = name.removeprefix(_SURE_PREFIX)
        reference = headers.get(_OUTPUT_PREFIX + own)
        is_of_it = reference is not None and reference.shape == header.shape
        return kind == "bool" and is_of_it and f"{_STEADY_PREFIX}{own}" in headers
    if name.startswith(_STEADY_PREFIX):
        sure = headers.get(_SURE_PREFIX + name.removeprefix(_STEADY_PREFIX))
        return kind == "float64" and sure is not None and header.shape == count
    if name in _EXPORTED:
        told = [h.shape for n, h in headers.items() if n.startswith(_OUTPUT_PREFIX)]
        values = sum(math.prod(shape[1:]) for shape in told)
        return (
            kind == "float32" and header.shape[1:] == (values,) and 1 <= header.shape[0] <= count[0]
        )
    is_output = name.startswith(_OUTPUT_PREFIX) and header.shape[:1] == count
    return is_output and kind in _OUTPUT_TYPES


def _check_finite(arrays: Mapping[str, NDArray[Any]]) -> None:
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise NotNpz(f"{name} holds values that are not finite")


def _named(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """The arrays of one prefix by the names of the net's outputs."""
    return {name.removeprefix(prefix): arrays[name] for name in arrays if name.startswith(prefix)}


def _in_rows(outputs: Iterable[NDArray[Any]]) -> NDArray[np.float32]:
    """Outputs (N, ...) as the rows of one array (N, values)."""
    rows = [array.reshape(len(array), -1).astype(np.float32) for array in outputs]
    return np.concatenate(rows, axis=1)


def _from_rows(rows: NDArray[np.float32], like: Iterable[NDArray[Any]]) -> list[NDArray[Any]]:
    """What `_in_rows` joined, in the shapes and types of other photos' outputs."""
    like = list(like)
    shapes = [array.shape[1:] for array in like]
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    parts = np.split(rows, ends[:-1], axis=1)
    return [
        part.reshape(len(rows), *array.shape[1:]).astype(array.dtype)
        for part, array in zip(parts, like, strict=True)
    ]
