"""From a `Program` to the bytes of a .tflite file.

The same program gives the same bytes: everything is numbered in the order it is first used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flatbuffers
import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import NetRefused
from edgeconv.export.tflite import versions
from edgeconv.export.tflite.program import Operator, Program, Quantization, Tensor
from edgeconv.export.tflite.schema import schema, tensor_type
from edgeconv.runtime.litert import IDENTIFIER

SCHEMA_VERSION = 3
SIGNATURE = "serving_default"

#: Kernels read constants with vector instructions straight from the mapped file.
_ALIGNMENT = 16
#: Offsets in a FlatBuffer are signed 32-bit; some room is left for everything beside the constants.
_LARGEST_CONSTANTS = 2**31 - 2**26
#: OperatorCode keeps codes past this one in a second field, for readers of the first schema.
_OLD_CODES_END = int(schema.BuiltinOperator.PLACEHOLDER_FOR_GREATER_OP_CODES)


def pack(program: Program, *, description: str, blobs: Mapping[str, bytes]) -> memoryview:
    """The file's bytes.

    Args:
        program: what the file computes.
        description: free text that tools print.
        blobs: metadata stored beside the model, by name.

    Raises:
        NetRefused: the constants do not fit in one file of this format.
    """
    packer = _Packer(program)
    metadata = [_Buffer(np.frombuffer(blob, np.uint8)) for blob in blobs.values()]
    buffers = [_Buffer(None), *packer.constants, *metadata]
    total = sum(buffer.size for buffer in buffers)
    if total > _LARGEST_CONSTANTS:
        raise NetRefused(
            f"{program.name}: its constants take {total / 2**30:.2f} GiB; a TFLite file holds at "
            "most 2 GiB. A narrower net, or int8, fits"
        )
    model = schema.ModelT(
        version=SCHEMA_VERSION,
        operatorCodes=packer.operator_codes,
        subgraphs=[packer.subgraph],
        description=description,
        buffers=buffers,
        metadata=[
            schema.MetadataT(name, 1 + len(packer.constants) + i) for i, name in enumerate(blobs)
        ],
        signatureDefs=[packer.signature],
    )
    builder = flatbuffers.Builder(total + 2**20)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return memoryview(builder.Bytes)[builder.Head() :]


class _Buffer:
    """Stands in for the schema's BufferT, which neither aligns its data nor avoids copying it."""

    def __init__(self, data: NDArray[Any] | None) -> None:
        self._data = None if data is None else data.reshape(-1).view(np.uint8)
        self.size = 0 if self._data is None else self._data.size + _ALIGNMENT

    def Pack(self, builder: Any) -> int:  # noqa: N802  the name ModelT calls
        """Writes the table and returns its offset."""
        vector = None
        if self._data is not None:
            builder.StartVector(1, self._data.size, _ALIGNMENT)
            builder.head -= self._data.size
            builder.Bytes[builder.head : builder.head + self._data.size] = self._data.data
            vector = builder.EndVector()
        schema.BufferStart(builder)
        if vector is not None:
            schema.BufferAddData(builder, vector)
        return int(schema.BufferEnd(builder))


class _Packer:
    """Numbers a program's tensors, constants and operator codes."""

    def __init__(self, program: Program) -> None:
        self.constants: list[_Buffer] = []
        self.operator_codes: list[Any] = []
        self._codes: dict[tuple[str, int], int] = {}
        self._tensors: list[Any] = []
        self._index: dict[Tensor, int] = {}
        inputs = [self._tensor(tensor) for _, tensor in program.inputs]
        operators = [self._operator(operator) for operator in program.operators]
        outputs = [self._tensor(tensor) for _, tensor in program.outputs]
        self.subgraph = schema.SubGraphT(
            name=program.name,
            tensors=self._tensors,
            inputs=inputs,
            outputs=outputs,
            operators=operators,
        )
        self.signature = schema.SignatureDefT(
            signatureKey=SIGNATURE,
            inputs=[schema.TensorMapT(name, self._index[t]) for name, t in program.inputs],
            outputs=[schema.TensorMapT(name, self._index[t]) for name, t in program.outputs],
        )

    def _tensor(self, tensor: Tensor | None) -> int:
        """A tensor's number; -1 stands for an absent input."""
        if tensor is None:
            return -1
        if tensor not in self._index:
            self._index[tensor] = len(self._tensors)
            self._tensors.append(
                schema.TensorT(
                    name=tensor.name,
                    shape=np.array(tensor.shape, np.int32),
                    type=tensor_type(tensor.dtype),
                    buffer=self._buffer(tensor),
                    quantization=_quantization(tensor.quantization),
                    hasRank=True,
                )
            )
        return self._index[tensor]

    def _buffer(self, tensor: Tensor) -> int:
        """Number of a constant's buffer; 0 is the empty one of all that is computed."""
        if tensor.data is None:
            return 0
        self.constants.append(_Buffer(tensor.data))
        return len(self.constants)

    def _operator(self, operator: Operator) -> Any:
        options = operator.options
        kind = "NONE" if options is None else type(options).__name__.removesuffix("T")
        return schema.OperatorT(
            opcodeIndex=self._operator_code(operator),
            inputs=np.array([self._tensor(t) for t in operator.inputs], np.int32),
            outputs=np.array([self._tensor(t) for t in operator.outputs], np.int32),
            builtinOptionsType=getattr(schema.BuiltinOptions, kind),
            builtinOptions=options,
        )

    def _operator_code(self, operator: Operator) -> int:
        key = (operator.code, versions.version(operator))
        if key not in self._codes:
            self._codes[key] = len(self.operator_codes)
            code = int(getattr(schema.BuiltinOperator, operator.code))
            self.operator_codes.append(
                schema.OperatorCodeT(
                    deprecatedBuiltinCode=min(code, _OLD_CODES_END),
                    builtinCode=code,
                    version=key[1],
                )
            )
        return self._codes[key]


def _quantization(quantization: Quantization | None) -> Any:
    if quantization is None:
        return None
    return schema.QuantizationParametersT(
        scale=quantization.scale,
        zeroPoint=quantization.zero_point,
        quantizedDimension=quantization.axis,
    )
