"""Copies of ONNX files at other batch sizes.

An exported file takes a fixed number of photos. A copy that takes more differs in its declared
shapes and in the constant shapes of its Reshapes; whether that is all is not a question of the
graph's form, so a copy is run here and compared with the file photo by photo.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper, shape_inference

from edgeconv.devices.agent.torch_net import MOST_BATCH
from edgeconv.errors import ArtifactRefused, UsageError
from edgeconv.files.onnx.load import refusing_damage, whole_bytes
from edgeconv.runtime.feeds import random_inputs
from edgeconv.runtime.ort import MAX_FILE_BYTES, OrtSession
from edgeconv.runtime.session import SessionOptions

#: The batch a copy is compared at.
_COMPARED = 2
#: Of the largest output value; another batch size may be another order of additions.
_AGREE = 1e-3


def rebatched(source: Path, batch: int, copy: Path) -> Path:
    """Writes a copy of an ONNX file that takes `batch` photos at once; gives its path.

    Args:
        source: a file that takes one photo at a time, or any number.
        batch: 1 to MOST_BATCH.
        copy: where to write.

    Raises:
        ArtifactRefused: no ONNX file, or its batch size cannot be changed.
        UsageError: a batch size that cannot be.
    """
    if not 1 <= batch <= MOST_BATCH:
        raise UsageError(f"batch {batch}: 1 to {MOST_BATCH} are allowed")
    if source.stat().st_size > MAX_FILE_BYTES:
        raise ArtifactRefused(f"{source}: an ONNX file holds at most {MAX_FILE_BYTES} bytes")
    content = whole_bytes(source)
    with refusing_damage(source):
        doubled, many = (_at(source, content, size) for size in (_COMPARED, batch))
    _compare(content, doubled, source)
    copy.write_bytes(many)
    return copy


def _at(source: Path, content: bytes, batch: int) -> bytes:
    """The model at a batch size."""
    model = onnx.load_model_from_string(content)
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    fed = [value for value in graph.input if value.name not in constants]
    for value in fed:
        dims = value.type.tensor_type.shape.dim
        if not dims or dims[0].dim_value not in (0, 1):
            raise ArtifactRefused(
                f"{source}: {value.name} takes {_amount(dims)}, and --batch starts from files "
                "that take one at a time; bench it without --batch, or export with --batch 1"
            )
        dims[0].dim_value = batch
    _reshape(graph, batch)
    del graph.value_info[:]
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")
    try:
        inferred = shape_inference.infer_shapes(model, strict_mode=True)
    except shape_inference.InferenceError as error:
        raise _refused(source, f"{error}") from error
    return bytes(inferred.SerializeToString())


def _amount(dims: Sequence[onnx.TensorShapeProto.Dimension]) -> str:
    return f"{dims[0].dim_value} photos at once" if dims else "no photos"


def _reshape(graph: onnx.GraphProto, batch: int) -> None:
    """Gives Reshapes of one photo room for all of them."""
    shapes = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type != "Reshape" or node.input[1] not in shapes:
            continue
        shape = numpy_helper.to_array(shapes[node.input[1]]).copy()
        if shape.ndim != 1 or not len(shape) or shape[0] != 1 or node.input[0] in shapes:
            continue
        shape[0] = batch
        name = f"{node.input[1]}, batch {batch}, for {node.output[0]}"
        graph.initializer.append(numpy_helper.from_array(shape, name))
        node.input[1] = name


def _compare(content: bytes, doubled: bytes, source: Path) -> None:
    """Raises ArtifactRefused unless both give the same values for the same photos."""
    single = OrtSession(content, SessionOptions())
    try:
        several = OrtSession(doubled, SessionOptions())
        photos = random_inputs(several, seed=0)
        together = several.run(photos)
    except ArtifactRefused as error:
        raise _refused(source, f"{error}") from error
    for number in range(_COMPARED):
        alone = single.run([photo[number : number + 1] for photo in photos])
        for one, all_of_them in zip(alone, together, strict=True):
            if len(all_of_them) != _COMPARED:
                raise _refused(source, f"an output has {len(all_of_them)} values for two photos")
            apart = np.abs(all_of_them[number : number + 1].astype(float) - one).max()
            if not apart <= _AGREE * np.abs(one.astype(float)).max():
                raise _refused(source, "photos change each other's results")


def _refused(source: Path, why: str) -> ArtifactRefused:
    return ArtifactRefused(
        f"{source} cannot be given another batch size ({' '.join(why.split())[:200]}); bench it "
        "without --batch"
    )
