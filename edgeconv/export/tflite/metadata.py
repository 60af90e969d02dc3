"""What a .tflite file says about itself, in the form that TensorFlow Lite's own tools read.

Two blobs stand beside the model: `TFLITE_METADATA`, a FlatBuffer of its own (schema M001) that the
TFLite Task and Support libraries read normalization and labels from, and `edgeconv`, the JSON
document of the exporter. The labels themselves are a text file in a zip archive appended to the
file, which any unzip lists.

Source: `metadata_schema.fbs` of tensorflow/tflite-support.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import flatbuffers
import numpy as np

from edgeconv.export.tflite.program import Program, Tensor

LABELS_FILE = "labels.txt"
#: Inference and accumulation in float16: XNNPACK takes its half-precision kernels for both only.
#: Source: tensorflow/lite/tools/optimize/reduced_precision_metadata.h.
HALF_PRECISION = b"fp16accfp16"

_IDENTIFIER = b"M001"
_PARSER_VERSION = "1.0.0"
_NONE: Mapping[int, int] = MappingProxyType({})

# Codes of the schema's enumerations and unions.
_TENSOR_AXIS_LABELS = 2
_FEATURE_PROPERTIES, _IMAGE_PROPERTIES = 1, 2
_COLOR_SPACE: Mapping[int, int] = MappingProxyType({3: 1, 1: 2})  # channels -> RGB, GRAYSCALE
_NORMALIZATION_OPTIONS = 1


@dataclass(frozen=True)
class TfliteMetadata:
    """What an app needs to know of a file beside its tensors.

    Attributes:
        name: of the net.
        normalization: (mean, std) of the one image: subtracted from a pixel of 0..255, one number
            or one for each channel, and divided by afterwards, as many; None where it takes no
            photo, or nothing says how.
        labels: the classes' names in the order of the outputs, None where they are not known.
        license: of the weights, None where it is not known.
        extra: a JSON document, stored as it is in the blob `edgeconv`.
        half_precision: whether kernels may compute a float16 file in half precision.
    """

    name: str
    normalization: tuple[tuple[float, ...], tuple[float, ...]] | None = ((0.0,), (1.0,))
    labels: tuple[str, ...] | None = None
    license: str | None = None
    extra: str = "{}"
    half_precision: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError where `extra` is no JSON document."""
        json.loads(self.extra)


def blobs(metadata: TfliteMetadata, program: Program) -> dict[str, bytes]:
    """The named blobs of a file's metadata."""
    found = {
        "TFLITE_METADATA": _model_metadata(metadata, program),
        "edgeconv": metadata.extra.encode(),
    }
    if metadata.half_precision:
        found["reduced_precision_support"] = HALF_PRECISION
    return found


def appendix(metadata: TfliteMetadata, start: int) -> bytes:
    """The zip archive with the labels, to be appended to a file of `start` bytes.

    Stored uncompressed, its date fixed, so that the same labels give the same bytes. Empty where
    there are no labels. A class without a name is called by its number, for MediaPipe takes empty
    lines at the end for no classes, and refuses a row that has more.
    """
    if metadata.labels is None:
        return b""
    file = _Appended(start)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        entry = zipfile.ZipInfo(LABELS_FILE, date_time=(1980, 1, 1, 0, 0, 0))
        names = [name or f"class {place}" for place, name in enumerate(metadata.labels)]
        archive.writestr(entry, "\n".join(names) + "\n")
    return file.getvalue()


class _Appended(io.BytesIO):
    """The end of a longer file: positions count from that file's beginning."""

    def __init__(self, start: int) -> None:
        super().__init__()
        self._start = start

    def tell(self) -> int:
        return super().tell() + self._start

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        shift = self._start if whence == io.SEEK_SET else 0
        return super().seek(offset - shift, whence) + self._start


def _model_metadata(metadata: TfliteMetadata, program: Program) -> bytes:
    """The ModelMetadata table; field numbers are the schema's."""
    b = _Tables()
    inputs = [_input(b, name, tensor, metadata) for name, tensor in program.inputs]
    outputs = [_output(b, name, metadata) for name, _ in program.outputs]
    subgraph = b.table({2: b.vector(inputs), 3: b.vector(outputs)})
    fields = {0: b.text(metadata.name), 3: b.vector([subgraph]), 7: b.text(_PARSER_VERSION)}
    if metadata.license is not None:
        fields[5] = b.text(metadata.license)
    return b.finish(b.table(fields))


def _input(b: _Tables, name: str, tensor: Tensor, metadata: TfliteMetadata) -> int:
    """TensorMetadata of an input: an image's color space and how to normalize it."""
    if metadata.normalization is None:
        return b.table({0: b.text(name)})
    mean, std = metadata.normalization
    options = b.table({0: b.floats(mean), 1: b.floats(std)})
    normalization = b.table({1: options}, codes={0: _NORMALIZATION_OPTIONS})
    fields = {0: b.text(name), 4: b.vector([normalization])}
    channels = tensor.shape[-1] if len(tensor.shape) == 4 else 0
    if channels in _COLOR_SPACE:
        image = b.table({}, codes={0: _COLOR_SPACE[channels]})
        fields[3] = b.table({1: image}, codes={0: _IMAGE_PROPERTIES})
    return b.table(fields)


def _output(b: _Tables, name: str, metadata: TfliteMetadata) -> int:
    """TensorMetadata of the logits: which appended file names the classes."""
    content = b.table({1: b.table({})}, codes={0: _FEATURE_PROPERTIES})
    fields = {0: b.text(name), 3: content}
    if metadata.labels is not None:
        labels = b.table({0: b.text(LABELS_FILE)}, codes={2: _TENSOR_AXIS_LABELS})
        fields[6] = b.vector([labels])
    return b.table(fields)


class _Tables:
    """Writes FlatBuffer tables from field numbers, there being no generated classes to use."""

    def __init__(self) -> None:
        self._builder = flatbuffers.Builder(1024)

    def text(self, text: str) -> int:
        return int(self._builder.CreateString(text))

    def floats(self, numbers: Sequence[float]) -> int:
        return int(self._builder.CreateNumpyVector(np.array(numbers, np.float32)))

    def vector(self, offsets: Sequence[int]) -> int:
        self._builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._builder.PrependUOffsetTRelative(offset)
        return int(self._builder.EndVector())

    def table(self, fields: Mapping[int, int], *, codes: Mapping[int, int] = _NONE) -> int:
        """A table with these fields by offset and these one-byte codes."""
        self._builder.StartObject(1 + max([*fields, *codes], default=-1))
        for number, offset in fields.items():
            self._builder.PrependUOffsetTRelativeSlot(number, offset, 0)
        for number, code in codes.items():
            self._builder.PrependUint8Slot(number, code, 0)
        return int(self._builder.EndObject())

    def finish(self, root: int) -> bytes:
        self._builder.Finish(root, _IDENTIFIER)
        return bytes(self._builder.Output())
