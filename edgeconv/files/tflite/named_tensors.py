"""The tensors of a TFLite file of edgeconv's by name, weights given out in rows put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from edgeconv.files.tflite.file import TfliteFile, TfliteTensor

_ROWS = "/rows_"


def named_tensors(file: TfliteFile) -> Mapping[str, TfliteTensor]:
    """Every tensor of a file by its name.

    Weights whose rows the writer has given to several convolutions, called NAME/rows_0 and so on,
    are there under their own name too.
    """
    found = {tensor.name: tensor for tensor in file.tensors}
    return found | _put_together(found)


def _put_together(tensors: Mapping[str, TfliteTensor]) -> dict[str, TfliteTensor]:
    """The constants that the file holds in runs of rows, where it has all of them."""
    runs: dict[str, dict[int, TfliteTensor]] = {}
    for name, tensor in tensors.items():
        whole, mark, start = name.rpartition(_ROWS)
        if mark and start.isdecimal() and tensor.data is not None and tensor.shape:
            runs.setdefault(whole, {})[int(start)] = tensor
    found = {}
    for whole, parts in runs.items():
        starts = sorted(parts)
        ends = [start + parts[start].shape[0] for start in starts]
        if starts[0] == 0 and starts[1:] == ends[:-1] and whole not in tensors:
            found[whole] = _joined(whole, [parts[start] for start in starts])
    return found


def _joined(name: str, rows: Sequence[TfliteTensor]) -> TfliteTensor:
    data = np.concatenate([tensor.data for tensor in rows if tensor.data is not None])
    return replace(
        rows[0],
        name=name,
        shape=data.shape,
        scale=np.concatenate([tensor.scale for tensor in rows]),
        zero_point=np.concatenate([tensor.zero_point for tensor in rows]),
        data=data,
    )
