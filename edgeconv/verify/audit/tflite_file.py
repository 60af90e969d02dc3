"""What can be wrong with a quantized TFLite file, by the TFLite 8-bit quantization specification.

The runtime checks few of these: a file that breaks one loads, runs, and is slower or wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from edgeconv.files.tflite.builtins.table import builtin
from edgeconv.files.tflite.file import TfliteOperator, TfliteTensor, read, refusing_damage
from edgeconv.files.tflite.partitions import runner
from edgeconv.verify.audit import lost_parts_tflite
from edgeconv.verify.audit.findings import AuditFinding, Severity, weights_per_tensor
from edgeconv.verify.audit.tflite_layers import TfliteLayer, layer_of

_EIGHT_BITS = (np.dtype(np.int8), np.dtype(np.uint8))

_T = TypeVar("_T")


@dataclass(frozen=True)
class _Rule(Generic[_T]):
    """What a layer, or any operator, may break; the rest as `AuditFinding` has it."""

    severity: Severity
    rule: str
    message: str
    remedy: str
    breaks: Callable[[_T], bool]

    def finding(self, places: Sequence[_T], name: Callable[[_T], str]) -> AuditFinding:
        """The finding, of no node where nothing breaks the rule."""
        names = tuple(name(place) for place in places if self.breaks(place))
        return AuditFinding(self.severity, self.rule, self.message, names, self.remedy)


def findings(path: Path) -> list[AuditFinding]:
    """Every finding of one file; raises ArtifactRefused where it is damaged."""
    file = read(path)
    with refusing_damage(path):
        operators = [operator for operator in file.operators if operator.outputs]
        layers = [layer for operator in operators if (layer := layer_of(operator)) is not None]
        makers = {id(t): operator.code for operator in operators for t in operator.outputs}
        found = (
            _per_tensor(layers),
            *(rule.finding(layers, lambda layer: layer.output.name) for rule in _OF_LAYERS),
            *(
                rule.finding(operators, lambda operator: operator.outputs[0].name)
                for rule in (*_OF_OPERATORS, _idle_conversions(makers))
            ),
            _outside(operators),
            *lost_parts_tflite.findings(file),
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
        tuple(operator.outputs[0].name for operator in bad),
        "replace them by operators that XNNPACK runs (edgeconv's docs/engines.md)",
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
        tuple(layer.output.name for layer in bad),
        sum(builtin(layer.code).kind == "convolution" for layer in bad),
        "quantize weights per output channel",
    )


def _is_below_the_range(layer: TfliteLayer) -> bool:
    return (
        layer.is_int8 and layer.weight.data is not None and bool((layer.weight.data == -128).any())
    )


def _has_another_bias_scale(layer: TfliteLayer) -> bool:
    given, weights = layer.source.scale, layer.weight.scale
    held = np.zeros(0) if layer.bias is None else layer.bias.scale
    if not (len(given) == 1 and len(weights) and len(held)):
        return False
    product = given.astype(np.float64) * weights
    return len(product) in (1, len(held)) and not np.allclose(product, held, rtol=1e-3, atol=0)


def _is_between_two_scales(operator: TfliteOperator) -> bool:
    output = _on_grid(operator)
    if output is None or builtin(operator.code).scales == "free":
        return False
    return not all(_alike(t, output) for t in operator.inputs if t and t.dtype == output.dtype)


def _has_another_scale_than_prescribed(operator: TfliteOperator) -> bool:
    wanted, output = builtin(operator.code).prescribed, _on_grid(operator)
    if wanted is None or output is None or output.dtype != np.int8:
        return False
    same = np.isclose(output.scale[0], wanted.scale)
    return not (same and output.zero_point[0] == wanted.zero_point)


_OF_LAYERS: tuple[_Rule[TfliteLayer], ...] = (
    _Rule(
        "warning",
        "weights only",
        "int8 weights with float activations: computed in float, or quantized anew at every "
        "run (dynamic range)",
        "quantize activations too, with calibration data",
        lambda layer: layer.is_int8 and not _holds_integers(layer.source),
    ),
    _Rule(
        "error",
        "asymmetric weights",
        "int8 weights with a zero point other than 0, which kernels ignore or refuse",
        "quantize weights symmetrically",
        lambda layer: layer.is_int8 and bool(layer.weight.zero_point.any()),
    ),
    _Rule(
        "note",
        "weights of -128",
        "weights outside [-127, 127], the range of the specification: kernels that negate a "
        "weight overflow",
        "quantize weights to [-127, 127]",
        _is_below_the_range,
    ),
    _Rule(
        "error",
        "bias scale",
        "the bias was made for another scale than input scale x weight scale, which is what "
        "kernels use: its values are off by that factor",
        "export again; a scale was changed after the bias was quantized",
        _has_another_bias_scale,
    ),
    _Rule(
        "warning",
        "legacy uint8",
        "weights are uint8: the scheme before the int8 specification, per tensor, and "
        "outside XNNPACK's per-channel kernels",
        "quantize again to the int8 scheme",
        lambda layer: layer.weight.dtype == np.uint8,
    ),
)
_OF_OPERATORS: tuple[_Rule[TfliteOperator], ...] = (
    _Rule(
        "error",
        "two scales",
        "kernels that move or average integers without rescaling, between two scales: wrong "
        "values, or a slow path where the kernel notices",
        "give input and output one scale, or put a QUANTIZE between",
        _is_between_two_scales,
    ),
    _Rule(
        "error",
        "prescribed scale",
        "an output scale other than the specification's, which the kernel assumes",
        "use 1/256 and -128 for LOGISTIC and SOFTMAX, 1/128 and 0 for TANH",
        _has_another_scale_than_prescribed,
    ),
)


def _idle_conversions(makers: Mapping[int, str]) -> _Rule[TfliteOperator]:
    """DEQUANTIZE straight into QUANTIZE, by the operator that makes each tensor."""
    return _Rule(
        "warning",
        "idle pairs",
        "DEQUANTIZE straight into QUANTIZE: two operators where one requantization, or none, "
        "would do; no runtime fuses them",
        "give both sides one scale, or requantize from integers to integers",
        lambda o: o.code == "QUANTIZE" and makers.get(id(o.inputs[0])) == "DEQUANTIZE",
    )


def _on_grid(operator: TfliteOperator) -> TfliteTensor | None:
    """What an operator writes first, where that is 8-bit integers on one scale."""
    output = operator.outputs[0] if operator.outputs else None
    if output is None or output.dtype not in _EIGHT_BITS or len(output.scale) != 1:
        return None
    return output


def _holds_integers(tensor: TfliteTensor) -> bool:
    return tensor.dtype is not None and tensor.dtype.kind in "iu"


def _alike(one: TfliteTensor, other: TfliteTensor) -> bool:
    if not len(one.scale) or not len(other.scale):
        return True
    close = np.allclose(one.scale, other.scale, rtol=1e-5, atol=0)
    return bool(close and np.array_equal(one.zero_point, other.zero_point))
