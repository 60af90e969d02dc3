"""What can be wrong with a quantized ONNX file, in QDQ form or with onnxruntime's own operators."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.files.onnx.load import load, refusing_damage
from edgeconv.files.onnx.nodes import foreign, kind_of
from edgeconv.runtime.saturation import int8_convolution_saturates
from edgeconv.verify.audit import lost_parts_onnx
from edgeconv.verify.audit.findings import AuditFinding, weights_per_tensor
from edgeconv.verify.audit.qdq import pair_findings
from edgeconv.verify.audit.weights import Weight, weights_of

#: Two products of an unsigned activation and these weights, added in 16 bits, can saturate.
_PAIR_LIMIT = 32767 / 255


def findings(path: Path) -> list[AuditFinding]:
    """Every finding of one file; raises ArtifactRefused where it is damaged."""
    graph = load(path).graph
    with refusing_damage(path):
        weights = weights_of(graph)
        found = (
            *pair_findings(graph),
            _dynamic(graph),
            *(rule(weights) for rule in (_per_tensor, _asymmetric, _saturation)),
            *lost_parts_onnx.findings(graph),
        )
        return [finding for finding in found if finding.nodes]


def _dynamic(graph: ir.Graph) -> AuditFinding:
    nodes = [node for node in graph if foreign(node).measures]
    return AuditFinding(
        "warning",
        "dynamic quantization",
        "activations are measured and quantized anew at every run",
        _names(nodes),
        "quantize statically, with calibration data",
    )


def _per_tensor(weights: Sequence[Weight]) -> AuditFinding:
    bad = [w for w in weights if w.scale.size == 1 and w.channels > 1]
    return weights_per_tensor(
        _names(w.node for w in bad),
        sum(kind_of(w.node) == "convolution" for w in bad),
        "quantize weights per output channel (quantize_static(per_channel=True))",
    )


def _asymmetric(weights: Sequence[Weight]) -> AuditFinding:
    bad = [w for w in weights if w.is_shifted]
    return AuditFinding(
        "warning",
        "asymmetric weights",
        "weights with a zero point in the middle of nothing: kernels correct for it at every "
        "output, and ARM kernels and TFLite take none",
        _names(w.node for w in bad),
        "quantize weights symmetrically, as int8",
    )


def _saturation(weights: Sequence[Weight]) -> AuditFinding:
    """Where 16-bit intermediates of x86 kernels can saturate."""
    bad = [w for w in weights if w.values.dtype == np.int8 and _can_saturate(w.values)]
    here = bool(bad) and int8_convolution_saturates()
    does = "this CPU does so" if here else "this CPU does not"
    return AuditFinding(
        "warning" if here else "note",
        "saturating kernels",
        f"{len(bad)} layers use weights of more than 7 bits: on x86 with AVX2 and without VNNI "
        "onnxruntime adds pairs of products in 16 bits, where these clamp. A property of the CPU, "
        f"not of the file ({does}); ARM and VNNI are exact",
        _names(w.node for w in bad),
        "judge the file with graph optimizations off there, or quantize with reduce_range=True",
    )


def _can_saturate(values: NDArray[Any]) -> bool:
    """Whether two weights of one output channel are together larger than 16 bits allow."""
    rows = np.abs(values.astype(np.int16)).reshape(len(values), -1) if values.ndim else values
    if values.ndim < 2 or rows.shape[1] < 2:
        return False
    top_two = np.partition(rows, -2, axis=1)[:, -2:].sum(axis=1)
    return bool((top_two > _PAIR_LIMIT).any())


def _names(nodes: Iterable[ir.Node]) -> tuple[str, ...]:
    return tuple(node.name or str(node.outputs[0].name) for node in nodes)
