"""What can be wrong with a quantized TFLite file, by the TFLite 8-bit quantization specification.

The runtime checks few of these: a file that breaks one loads, runs, and is slower or wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from edgeconv.files.tflite.file import FileOperator, FileTensor, read_operators
from edgeconv.verify.audit.findings import AuditFinding, weights_per_tensor
from edgeconv.verify.audit.lost_parts_files import tflite_findings

#: Where the output channels of a weight lie.
_CHANNEL_AXIS: Mapping[str, int] = {
    "CONV_2D": 0,
    "DEPTHWISE_CONV_2D": 3,
    "FULLY_CONNECTED": 0,
    "TRANSPOSE_CONV": 0,
}
#: Kernels that copy, compare or average integers without rescaling them.
_ONE_SCALE = frozenset(
    {
        *("AVERAGE_POOL_2D", "MAX_POOL_2D", "CONCATENATION", "PAD", "PADV2", "MIRROR_PAD"),
        *("RESHAPE", "TRANSPOSE", "SLICE", "STRIDED_SLICE", "SPLIT", "SPLIT_V", "GATHER"),
        *("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "DEPTH_TO_SPACE", "SPACE_TO_DEPTH"),
        *("MAXIMUM", "MINIMUM", "REDUCE_MAX", "REDUCE_MIN", "SQUEEZE", "EXPAND_DIMS", "TILE"),
    }
)
#: Output scale and int8 zero point that kernels assume.
_PRESCRIBED: Mapping[str, tuple[float, int]] = {
    "LOGISTIC": (1 / 256, -128),
    "SOFTMAX": (1 / 256, -128),
    "TANH": (1 / 128, 0),
    "LOG_SOFTMAX": (16 / 256, 127),
}
_EIGHT_BITS = (np.dtype(np.int8), np.dtype(np.uint8))


def findings(path: Path) -> list[AuditFinding]:
    """Every finding of one file; raises ArtifactRefused where it is damaged."""
    operators = read_operators(path)
    layers = [o for o in operators if o.code in _CHANNEL_AXIS and len(o.inputs) > 1]
    found = [
        *_hybrid(layers),
        *_per_tensor(layers),
        *_asymmetric(layers),
        *_bias_scales(layers),
        *_scales(operators),
        *_idle_conversions(operators),
        *tflite_findings(operators),
    ]
    if any(_is(t, np.uint8) for o in layers for t in o.inputs[1:2]):
        found.append(
            AuditFinding(
                "warning",
                "legacy uint8",
                "weights are uint8: the scheme before the int8 specification, per tensor, and "
                "outside XNNPACK's per-channel kernels",
                _names(o for o in layers if _is(_weight(o), np.uint8)),
                "quantize again to the int8 scheme",
            )
        )
    return found


def _hybrid(layers: Sequence[FileOperator]) -> Iterator[AuditFinding]:
    bad = [o for o in layers if _is(_weight(o), np.int8) and not _quantized(o.inputs[_source(o)])]
    if bad:
        yield AuditFinding(
            "warning",
            "weights only",
            "int8 weights with float activations: computed in float, or quantized anew at every "
            "run (dynamic range)",
            _names(bad),
            "quantize activations too, with calibration data",
        )


def _per_tensor(layers: Sequence[FileOperator]) -> Iterator[AuditFinding]:
    bad = [
        o
        for o in layers
        if (w := _weight(o)) is not None
        and w.dtype == np.int8
        and len(w.scale) == 1
        and len(w.shape) > _CHANNEL_AXIS[o.code]
        and w.shape[_CHANNEL_AXIS[o.code]] > 1
    ]
    if bad:
        yield weights_per_tensor(
            _names(bad),
            sum(o.code != "FULLY_CONNECTED" for o in bad),
            "quantize weights per output channel",
        )


def _asymmetric(layers: Sequence[FileOperator]) -> Iterator[AuditFinding]:
    bad = [o for o in layers if _is(w := _weight(o), np.int8) and w is not None and _shifted(w)]
    if bad:
        yield AuditFinding(
            "error",
            "asymmetric weights",
            "int8 weights with a zero point other than 0, which kernels ignore or refuse",
            _names(bad),
            "quantize weights symmetrically",
        )
    lowest = [
        o
        for o in layers
        if _is(w := _weight(o), np.int8)
        and w is not None
        and w.data is not None
        and bool((w.data == -128).any())
    ]
    if lowest:
        yield AuditFinding(
            "note",
            "weights of -128",
            "weights outside [-127, 127], the range of the specification: kernels that negate a "
            "weight overflow",
            _names(lowest),
            "quantize weights to [-127, 127]",
        )


def _bias_scales(layers: Sequence[FileOperator]) -> Iterator[AuditFinding]:
    bad = []
    for operator in layers:
        source, weight = operator.inputs[_source(operator)], _weight(operator)
        bias = _bias(operator)
        if source is None or weight is None or bias is None:
            continue
        if not (len(source.scale) == 1 and len(weight.scale) and len(bias.scale)):
            continue
        product = source.scale.astype(np.float64) * weight.scale
        if len(product) in (1, len(bias.scale)) and not np.allclose(
            product, bias.scale, rtol=1e-3, atol=0
        ):
            bad.append(operator)
    if bad:
        yield AuditFinding(
            "error",
            "bias scale",
            "the bias was made for another scale than input scale x weight scale, which is what "
            "kernels use: its values are off by that factor",
            _names(bad),
            "export again; a scale was changed after the bias was quantized",
        )


def _scales(operators: Sequence[FileOperator]) -> Iterator[AuditFinding]:
    moved, prescribed = [], []
    for operator in operators:
        output = operator.outputs[0] if operator.outputs else None
        if output is None or output.dtype not in _EIGHT_BITS or len(output.scale) != 1:
            continue
        sources = [t for t in operator.inputs if t is not None and t.dtype == output.dtype]
        if operator.code in _ONE_SCALE and any(not _alike(t, output) for t in sources):
            moved.append(operator)
        wanted = _PRESCRIBED.get(operator.code)
        if wanted is not None and output.dtype == np.int8 and not _has(output, wanted):
            prescribed.append(operator)
    if moved:
        yield AuditFinding(
            "error",
            "two scales",
            "kernels that move or average integers without rescaling, between two scales: wrong "
            "values, or a slow path where the kernel notices",
            _names(moved),
            "give input and output one scale, or put a QUANTIZE between",
        )
    if prescribed:
        yield AuditFinding(
            "error",
            "prescribed scale",
            "an output scale other than the specification's, which the kernel assumes",
            _names(prescribed),
            "use 1/256 and -128 for LOGISTIC and SOFTMAX, 1/128 and 0 for TANH",
        )


def _idle_conversions(operators: Sequence[FileOperator]) -> Iterator[AuditFinding]:
    """DEQUANTIZE straight into QUANTIZE."""
    makers = {id(t): o for o in operators for t in o.outputs}
    bad = [
        o
        for o in operators
        if o.code == "QUANTIZE"
        and o.inputs[0] is not None
        and id(o.inputs[0]) in makers
        and makers[id(o.inputs[0])].code == "DEQUANTIZE"
    ]
    if bad:
        yield AuditFinding(
            "warning",
            "idle pairs",
            "DEQUANTIZE straight into QUANTIZE: two operators where one requantization, or none, "
            "would do; no runtime fuses them",
            _names(bad),
            "give both sides one scale, or requantize from integers to integers",
        )


def _source(operator: FileOperator) -> int:
    """Where the activation stands; a TRANSPOSE_CONV has the output's shape first."""
    return 2 if operator.code == "TRANSPOSE_CONV" else 0


def _weight(operator: FileOperator) -> FileTensor | None:
    return operator.inputs[1]


def _bias(operator: FileOperator) -> FileTensor | None:
    place = 3 if operator.code == "TRANSPOSE_CONV" else 2
    return operator.inputs[place] if len(operator.inputs) > place else None


def _is(tensor: FileTensor | None, dtype: type[np.generic]) -> bool:
    return tensor is not None and tensor.dtype == dtype


def _quantized(tensor: FileTensor | None) -> bool:
    return tensor is not None and tensor.dtype is not None and tensor.dtype.kind in "iu"


def _shifted(tensor: FileTensor) -> bool:
    return bool(np.any(tensor.zero_point != 0))


def _alike(one: FileTensor, other: FileTensor) -> bool:
    if not len(one.scale) or not len(other.scale):
        return True
    close = np.allclose(one.scale, other.scale, rtol=1e-5, atol=0)
    return bool(close and np.array_equal(one.zero_point, other.zero_point))


def _has(tensor: FileTensor, wanted: tuple[float, int]) -> bool:
    return bool(np.isclose(tensor.scale[0], wanted[0]) and tensor.zero_point[0] == wanted[1])


def _names(operators: Iterable[FileOperator]) -> tuple[str, ...]:
    return tuple(o.outputs[0].name for o in operators if o.outputs)
