"""What `lost_parts` asks of a file, read from TFLite's operators."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping

import numpy as np

from edgeconv.files.tflite.builtins.table import builtin
from edgeconv.files.tflite.file import TfliteFile, TfliteTensor
from edgeconv.verify.audit.findings import AuditFinding
from edgeconv.verify.audit.lost_parts import (
    Grid,
    Interval,
    Writer,
    bounded,
    grid,
    layer_interval,
    part_findings,
    role_of,
    row_sums,
)
from edgeconv.verify.audit.tflite_layers import TfliteLayer, layer_of


def findings(file: TfliteFile) -> Iterator[AuditFinding]:
    """Lost parts of a TFLite file."""
    grids: dict[Hashable, Grid] = {
        id(tensor): found for tensor in file.tensors if (found := _grid_of(tensor)) is not None
    }
    writers: dict[Hashable, Writer] = {}
    for operator in file.operators:
        row, layer = builtin(operator.code), layer_of(operator)
        reads = tuple(id(t) for t in operator.inputs if t is not None and not t.is_constant)
        for output in operator.outputs:
            writers[id(output)] = Writer(
                role_of(row.kind, row.scales, row.bounds, is_layer=layer is not None),
                output.name,
                reads,
                bounded(row.bounds) or _layer(layer, grids),
                is_map=len(output.shape) > 2 and int(np.prod(output.shape[1:-1])) > 1,
            )
    read = {key for writer in writers.values() for key in writer.reads}
    yield from part_findings(writers, grids, [key for key in writers if key not in read])


def _grid_of(tensor: TfliteTensor) -> Grid | None:
    if tensor.dtype is None or tensor.dtype.itemsize != 1 or len(tensor.scale) != 1:
        return None
    return grid(tensor.dtype, float(tensor.scale[0]), int(tensor.zero_point[0]))


def _layer(layer: TfliteLayer | None, grids: Mapping[Hashable, Grid]) -> Interval | None:
    """What each channel can be; of a layer that spreads its inputs, nothing is known."""
    if layer is None or layer.code == "TRANSPOSE_CONV" or id(layer.source) not in grids:
        return None
    weight, bias = layer.weight, layer.bias
    if weight.data is None or weight.data.ndim <= layer.axis or not len(weight.scale):
        return None
    sums = row_sums(np.moveaxis(weight.data, layer.axis, 0), weight.scale, weight.zero_point)
    shift = None
    if bias is not None and bias.data is not None and len(bias.scale):
        shift = bias.data.astype(np.float64).reshape(-1) * bias.scale
    return layer_interval(sums, shift, grids[id(layer.source)])
