"""A mean that is flattened next is written flat at once.

    x (N, H, W, C) -> MEAN, dimensions kept (N, 1, 1, C) -> RESHAPE (N, C)
    x (N, H, W, C) -> MEAN, dimensions dropped (N, C)

Pooling and flattening are two operators in ONNX; one is enough in TFLite.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from edgeconv.export.tflite.program import Operator, Program, Tensor
from edgeconv.export.tflite.schema import schema


def squeeze_means(program: Program) -> Program:
    """The program without every RESHAPE that only drops the dimensions a MEAN kept.

    The flat tensor carries the name of the pooled one: both hold the same integers.
    """
    readers = Counter(
        id(tensor) for operator in program.operators for tensor in operator.inputs if tensor
    )
    readers.update(id(tensor) for _, tensor in program.outputs)
    makers = {id(operator.outputs[0]): operator for operator in program.operators}
    flat: dict[int, Tensor] = {}
    squeezed: set[int] = set()
    for reshape in program.operators:
        pooled = reshape.inputs[0]
        mean = makers.get(id(pooled))
        if (
            pooled is not None
            and mean is not None
            and readers[id(pooled)] == 1
            and _drops_what_was_kept(mean, reshape)
        ):
            flat[id(reshape.outputs[0])] = replace(reshape.outputs[0], name=pooled.name)
            flat[id(pooled)] = flat[id(reshape.outputs[0])]
            squeezed |= {id(mean), id(reshape)}
    return _rewritten(program, flat, squeezed)


def _drops_what_was_kept(mean: Operator, reshape: Operator) -> bool:
    """Whether the reshape's result is the mean's input without the axes the mean is over."""
    if mean.code != "MEAN" or reshape.code != "RESHAPE" or not mean.options.keepDims:
        return False
    x, axes = mean.read(0), mean.read(1)
    gone = {int(axis) % len(x.shape) for axis in axes.values}
    left = tuple(size for axis, size in enumerate(x.shape) if axis not in gone)
    return reshape.outputs[0].shape == left


def _rewritten(program: Program, flat: dict[int, Tensor], squeezed: set[int]) -> Program:
    """Puts the flat tensors in place of the pooled and the reshaped ones."""
    operators = []
    for operator in program.operators:
        if id(operator) in squeezed and operator.code == "RESHAPE":
            continue
        options = operator.options
        if id(operator) in squeezed:
            options = schema.ReducerOptionsT(keepDims=False)
        operators.append(
            replace(
                operator,
                inputs=tuple(flat.get(id(tensor), tensor) for tensor in operator.inputs),
                outputs=tuple(flat.get(id(tensor), tensor) for tensor in operator.outputs),
                options=options,
            )
        )
    outputs = tuple((name, flat.get(id(tensor), tensor)) for name, tensor in program.outputs)
    return replace(program, operators=tuple(operators), outputs=outputs)
