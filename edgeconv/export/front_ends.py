"""What apps open model files with beside the engines themselves, and which files those open.

| front end         | opens                                                                       |
| ----------------- | --------------------------------------------------------------------------- |
| `mediapipe`       | TFLite: one photo of 3 channels in, uint8 or float32 with one mean and std  |
|                   | for all channels; one row of classes out, uint8 or float32                  |
| `litert-js`       | TFLite: float32, int32 and uint8 at its ends, no int8                       |
| `onnxruntime-web` | ONNX                                                                        |
| `micro`           | int8 TFLite on operators that TensorFlow Lite Micro has: `export.micro`     |

Found by trial: MediaPipe 1.2, in browsers 1.1, and LiteRT.js 2.5 refuse int8 at the ends by name.
MediaPipe's classifier runs files with maps, numbers and truth values too, and calls each of their
values a class: that helps nobody, so it does not count as opening.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

from edgeconv.data.preprocessing import Preprocessing
from edgeconv.errors import NetRefused
from edgeconv.runtime.session import TensorSpec
from edgeconv.verify.parity.stages import Interface

FrontEndName = Literal["mediapipe", "litert-js", "onnxruntime-web", "micro"]
FRONT_ENDS: tuple[FrontEndName, ...] = get_args(FrontEndName)

#: What an export for one is asked for, where the user says nothing else.
OPTIONS_FOR: Mapping[FrontEndName, Mapping[str, Any]] = MappingProxyType(
    {
        "mediapipe": {"formats": ("tflite",), "io": "uint8", "softmax": True},
        "litert-js": {"formats": ("tflite",), "io": "uint8"},
        "onnxruntime-web": {"formats": ("onnx",), "io": "uint8"},
        "micro": {"formats": ("tflite",), "int8": True},
    }
)

#: Element types that LiteRT.js takes at a file's ends.
LITERT_JS_TYPES = ("float32", "int32", "uint8")
_IN_MEDIAPIPE = ("float32", "uint8")


@dataclass(frozen=True)
class ModelFile:
    """What front ends look at.

    Attributes:
        artifact: its short name.
        ends: its inputs and outputs.
        preprocessing: how a photo becomes its input; None where that is not known.
    """

    artifact: str
    ends: Interface
    preprocessing: Preprocessing | None

    @property
    def is_tflite(self) -> bool:
        """Whether it is no ONNX file."""
        return self.artifact.endswith("tflite")


def hindrances(file: ModelFile) -> dict[str, str | None]:
    """What keeps each front end from opening a file, None where it opens; no word of `micro`.

    What that opens is known by trying, which an export for it does.
    """
    return {name: judge(file) for name, judge in _JUDGES.items()}


def require_opens(file: ModelFile, front_end: FrontEndName) -> None:
    """Raises NetRefused where a file does not open in a front end; says what is in the way."""
    judge = _JUDGES.get(front_end)
    if judge is not None and (why := judge(file)) is not None:
        raise NetRefused(
            f"model.{file.artifact} does not open in {front_end}: {why}; export the net without "
            "--for, for the engines themselves"
        )


def _mediapipe(file: ModelFile) -> str | None:
    if not file.is_tflite:
        return "it takes TFLite files"
    ends = file.ends
    if file.preprocessing is None or len(ends.inputs) != 1:
        return "it takes one photo, and the net takes tensors"
    shape = ends.inputs[0].shape
    if shape[0] != 1 or shape[-1] != 3:
        return f"it takes one photo of 3 channels at a time, and the net's input is {shape}"
    shapes = [spec.shape for spec in ends.outputs]
    if len(shapes) != 1 or not _is_row(shapes[0]):
        return f"its classifier takes one row of classes, and the net's outputs are {shapes}"
    return _wrong_type(ends, _IN_MEDIAPIPE) or _many_means(file)


def _is_row(shape: tuple[int, ...]) -> bool:
    """Whether values lie along one axis, whatever others of length 1 there are."""
    return len(shape) > 0 and sum(size != 1 for size in shape) <= 1


def _many_means(file: ModelFile) -> str | None:
    how, taken = file.preprocessing, file.ends.inputs[0]
    if (
        how is None
        or taken.dtype.name == "uint8"
        or len(set(zip(how.mean, how.std, strict=True))) == 1
    ):
        return None
    return "it knows one mean and std for all channels, and the net has others; take --io uint8"


def _litert_js(file: ModelFile) -> str | None:
    if not file.is_tflite:
        return "it takes TFLite files"
    return _wrong_type(file.ends, LITERT_JS_TYPES)


def _onnxruntime_web(file: ModelFile) -> str | None:
    return "it takes ONNX files" if file.is_tflite else None


def _wrong_type(ends: Interface, allowed: tuple[str, ...]) -> str | None:
    wrong = [spec for spec in (*ends.inputs, *ends.outputs) if spec.dtype.name not in allowed]
    return None if not wrong else _of_type(wrong[0], allowed)


def _of_type(spec: TensorSpec, allowed: tuple[str, ...]) -> str:
    way_out = "; take --io uint8 or float32" if spec.dtype.name == "int8" else ""
    return f"{spec.name} is {spec.dtype.name}, it takes {' and '.join(allowed)}{way_out}"


_JUDGES: Mapping[str, Callable[[ModelFile], str | None]] = MappingProxyType(
    {"mediapipe": _mediapipe, "litert-js": _litert_js, "onnxruntime-web": _onnxruntime_web}
)
