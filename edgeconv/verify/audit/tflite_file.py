"""What can be wrong with a quantized TFLite file, by the TFLite 8-bit quantization specification.

The runtime checks few of these: a file that breaks one loads, runs, and is slower or wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from edgeconv.files.tflite.builtins.table import builtin
from edgeconv.files.tflite.file import TfliteOperator, TfliteTensor, read, refusing_damage
from edgeconv.files.tflite.partitions import runner
from edgeconv.graph.operators.operator import Prescribed
from edgeconv.verify.audit import lost_parts_tflite
from edgeconv.verify.audit.findings import AuditFinding, weights_per_tensor
from edgeconv.verify.audit.tflite_layers import TfliteLayer, layer_of

_EIGHT_BITS = (np.dtype(np.int8), np.dtype(np.uint8))


def findings(path: Path) -> list[AuditFinding]:
    """Every finding of one file; raises ArtifactRefused where it is damaged."""
    file = read(path)
    operators = file.operators
    with refusing_damage(path):
        layers = [layer for operator in operators if (layer := layer_of(operator)) is not None]
        found = (
            *(rule(layers) for rule in (_hybrid, _per_tensor, _asymmetric, _lowest, _bias_scales)),
            *(rule(operators) for rule in (_two_scales, _prescribed, _idle_conversions)),
            *lost_parts_tflite.findings(file),
            _outside(operators),
            _legacy(layers),
        )
        return [finding for finding in found if finding.nodes]


def _outside(operators: Sequence[TfliteOperator]) -> AuditFinding:
    """Int8 operators that XNNPACK leaves to a kernel of LiteRT's own."""
    bad = [
        operator
        for operator in operators
        if runner(operator) == "kernel" and any(t.type == "int8" for t in operator.outputs)
    ]
    kinds = ", ".join(sorted({operator.code for operator in bad}))
    return AuditFinding(
        "note",
        "outside XNNPACK",
        f"{kinds} on LiteRT's own int8 kernels: they cut the file into pieces, and some are many "
        "times slower than their float form",
        _names_of(bad),
        "replace them by operators that XNNPACK runs (edgeconv's docs/engines.md)",
    )


def _hybrid(layers: Sequence[TfliteLayer]) -> AuditFinding:
    bad = [layer for layer in layers if layer.is_int8 and not _holds_integers(layer.source)]
    return AuditFinding(
        "warning",
        "weights only",
        "int8 weights with float activations: computed in float, or quantized anew at every "
        "run (dynamic range)",
        _names(bad),
        "quantize activations too, with calibration data",
    )


def _per_tensor(layers: Sequence[TfliteLayer]) -> AuditFinding:
    bad = [
        layer
        for layer in layers
        if layer.is_int8
        and len(layer.weight.scale) == 1
        and len(layer.weight.shape) > layer.axis
        and layer.weight.shape[layer.axis] > 1
    ]
    return weights_per_tensor(
        _names(bad),
        sum(builtin(layer.code).kind == "convolution" for layer in bad),
        "quantize weights per output channel",
    )


def _asymmetric(layers: Sequence[TfliteLayer]) -> AuditFinding:
    bad = [layer for layer in layers if layer.is_int8 and layer.weight.zero_point.any()]
    return AuditFinding(
        "error",
        "asymmetric weights",
        "int8 weights with a zero point other than 0, which kernels ignore or refuse",
        _names(bad),
        "quantize weights symmetrically",
    )


def _lowest(layers: Sequence[TfliteLayer]) -> AuditFinding:
    bad = [
        layer
        for layer in layers
        if layer.is_int8 and layer.weight.data is not None and (layer.weight.data == -128).any()
    ]
    return AuditFinding(
        "note",
        "weights of -128",
        "weights outside [-127, 127], the range of the specification: kernels that negate a "
        "weight overflow",
        _names(bad),
        "quantize weights to [-127, 127]",
    )


def _bias_scales(layers: Sequence[TfliteLayer]) -> AuditFinding:
    bad = []
    for layer in layers:
        given, weights = layer.source.scale, layer.weight.scale
        held = np.zeros(0) if layer.bias is None else layer.bias.scale
        if not (len(given) == 1 and len(weights) and len(held)):
            continue
        product = given.astype(np.float64) * weights
        if len(product) in (1, len(held)) and not np.allclose(product, held, rtol=1e-3, atol=0):
            bad.append(layer)
    return AuditFinding(
        "error",
        "bias scale",
        "the bias was made for another scale than input scale x weight scale, which is what "
        "kernels use: its values are off by that factor",
        _names(bad),
        "export again; a scale was changed after the bias was quantized",
    )


def _legacy(layers: Sequence[TfliteLayer]) -> AuditFinding:
    bad = [layer for layer in layers if layer.weight.dtype == np.uint8]
    return AuditFinding(
        "warning",
        "legacy uint8",
        "weights are uint8: the scheme before the int8 specification, per tensor, and "
        "outside XNNPACK's per-channel kernels",
        _names(bad),
        "quantize again to the int8 scheme",
    )


def _two_scales(operators: Sequence[TfliteOperator]) -> AuditFinding:
    bad = [
        operator
        for operator in operators
        if builtin(operator.code).scales != "free"
        and (output := _on_grid(operator)) is not None
        and not all(_alike(t, output) for t in operator.inputs if t and t.dtype == output.dtype)
    ]
    return AuditFinding(
        "error",
        "two scales",
        "kernels that move or average integers without rescaling, between two scales: wrong "
        "values, or a slow path where the kernel notices",
        _names_of(bad),
        "give input and output one scale, or put a QUANTIZE between",
    )


def _prescribed(operators: Sequence[TfliteOperator]) -> AuditFinding:
    bad = [
        operator
        for operator in operators
        if (wanted := builtin(operator.code).prescribed) is not None
        and (output := _on_grid(operator)) is not None
        and output.dtype == np.int8
        and not _has(output, wanted)
    ]
    return AuditFinding(
        "error",
        "prescribed scale",
        "an output scale other than the specification's, which the kernel assumes",
        _names_of(bad),
        "use 1/256 and -128 for LOGISTIC and SOFTMAX, 1/128 and 0 for TANH",
    )


def _on_grid(operator: TfliteOperator) -> TfliteTensor | None:
    """What an operator writes first, where that is 8-bit integers on one scale."""
    output = operator.outputs[0] if operator.outputs else None
    if output is None or output.dtype not in _EIGHT_BITS or len(output.scale) != 1:
        return None
    return output


def _idle_conversions(operators: Sequence[TfliteOperator]) -> AuditFinding:
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
    return AuditFinding(
        "warning",
        "idle pairs",
        "DEQUANTIZE straight into QUANTIZE: two operators where one requantization, or none, "
        "would do; no runtime fuses them",
        _names_of(bad),
        "give both sides one scale, or requantize from integers to integers",
    )


def _holds_integers(tensor: TfliteTensor) -> bool:
    return tensor.dtype is not None and tensor.dtype.kind in "iu"


def _alike(one: TfliteTensor, other: TfliteTensor) -> bool:
    if not len(one.scale) or not len(other.scale):
        return True
    close = np.allclose(one.scale, other.scale, rtol=1e-5, atol=0)
    return bool(close and np.array_equal(one.zero_point, other.zero_point))


def _has(tensor: TfliteTensor, wanted: Prescribed) -> bool:
    same = np.isclose(tensor.scale[0], wanted.scale)
    return bool(same and tensor.zero_point[0] == wanted.zero_point)


def _names(layers: Iterable[TfliteLayer]) -> tuple[str, ...]:
    return tuple(layer.output.name for layer in layers)


def _names_of(operators: Iterable[TfliteOperator]) -> tuple[str, ...]:
    return tuple(operator.outputs[0].name for operator in operators if operator.outputs)
