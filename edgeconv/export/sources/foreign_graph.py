"""The float graph of another tool's ONNX file, static and at opset 17, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import TensorProto, helper, inliner, shape_inference, version_converter

from edgeconv.data.inputs import InputSpec
from edgeconv.errors import ArtifactRefused, NetRefused
from edgeconv.export.sources import foreign_inputs
from edgeconv.export.sources.spelled_out import spell_out
from edgeconv.files.onnx.foreign import FOREIGN
from edgeconv.files.onnx.load import DAMAGE, load_proto, nodes_in, refusing_damage
from edgeconv.graph.operators.table import STANDARD_DOMAINS
from edgeconv.graph.passes.older_forms import OPSET

#: The oldest opset that onnx converts from without loss.
OLDEST_OPSET = 7
#: From here on a Resize says how the places of its output lie over those of its input.
_RESIZE_STATES_ITS_GRID = 11
#: The IR version from which on weights are no inputs.
_LISTS_NO_WEIGHTS = 4
#: Of an image's axes.
TO_NHWC, TO_NCHW = (0, 2, 3, 1), (0, 3, 1, 2)
_IMAGE_AXES = len(TO_NCHW)
#: What a single output is called.
LOGITS = "logits"


@dataclass(frozen=True, eq=False)
class ForeignGraph:
    """A file's graph with all sizes fixed.

    Attributes:
        path: of the file.
        proto: as the file has it: its reference.
        is_nhwc: whether its images, and what it gives of four axes, are (N, H, W, C).
        inputs: what it takes, images (C, H, W), under the file's own names.
        opset: of the file.
    """

    path: Path
    proto: onnx.ModelProto
    is_nhwc: bool
    inputs: tuple[InputSpec, ...]
    opset: int


def require_exportable(path: Path) -> None:
    """Raises ArtifactRefused or NetRefused where no options make a file one that is exported."""
    proto = load_proto(path)
    with refusing_damage(path):
        _require_float(proto, path)


def read(path: Path, batch: int, input_size: tuple[int, int] | None) -> ForeignGraph:
    """A file's graph for batches and images of one size.

    Raises:
        ArtifactRefused: it is no ONNX file.
        NetRefused: it is quantized, has operators of other domains, or takes what is not float32.
        UsageError: the batch or the image is of another size than the file's, or is not told.
    """
    proto = load_proto(path)
    with refusing_damage(path):
        if proto.functions:
            proto = inliner.inline_local_functions(proto)
        _drop_inputs_with_values(proto)
        _require_float(proto, path)
        opset = _opset(proto, path)
        shapes = foreign_inputs.fixed_shapes(proto, path, batch, input_size)
        proto = _fixed(proto, shapes)
        _require_reals(proto, path)
    is_nhwc = foreign_inputs.are_nhwc(shapes)
    inputs = foreign_inputs.specs(shapes, nhwc=is_nhwc)
    return ForeignGraph(path, proto, is_nhwc, inputs, opset)


def prepared(graph: ForeignGraph, inputs: Sequence[InputSpec]) -> onnx.ModelProto:
    """The graph as `simplify` takes it: images are (N, C, H, W), a single output is `logits`.

    Args:
        graph: the file's.
        inputs: as the hub graph calls them.

    Raises:
        NetRefused: onnx cannot bring it to a newer opset.
    """
    proto = onnx.ModelProto()
    proto.CopyFrom(graph.proto)
    with refusing_damage(graph.path):
        proto = spell_out(proto, graph.opset)
        if all(end.type.tensor_type.HasField("shape") for end in proto.graph.output):
            onnx.checker.check_model(proto)  # which wants these, too
        proto = _in_newer_opset(proto, graph)
        _rename_ends(proto, graph.path, [spec.name for spec in inputs])
        if graph.is_nhwc:
            _turn_ends(proto)
    return proto


def _in_newer_opset(proto: onnx.ModelProto, graph: ForeignGraph) -> onnx.ModelProto:
    if graph.opset >= OPSET:
        return proto
    try:
        newer: onnx.ModelProto = version_converter.convert_version(proto, OPSET)
    except (*DAMAGE, version_converter.ConvertError) as error:
        raise NetRefused(
            f"{graph.path} of opset {graph.opset} cannot be brought to opset {OPSET}: "
            f"{str(error).strip().splitlines()[-1]}; export it at opset {OPSET}"
        ) from error
    if graph.opset < _RESIZE_STATES_ITS_GRID:
        _state_grids(newer)
    return newer


def _state_grids(proto: onnx.ModelProto) -> None:
    """Older resizes scale coordinates from the corner, which onnx's own conversion forgets."""
    for node in nodes_in(proto.graph):
        if node.op_type == "Resize" and not any(
            attribute.name == "coordinate_transformation_mode" for attribute in node.attribute
        ):
            grid = helper.make_attribute("coordinate_transformation_mode", "asymmetric")
            node.attribute.extend([grid, helper.make_attribute("nearest_mode", "floor")])


def _drop_inputs_with_values(proto: onnx.ModelProto) -> None:
    """Files of before IR version 4 list weights among the inputs, too, and have to."""
    proto.ir_version = max(proto.ir_version, _LISTS_NO_WEIGHTS)
    held = {tensor.name for tensor in proto.graph.initializer}
    inputs = [value for value in proto.graph.input if value.name not in held]
    del proto.graph.input[:]
    proto.graph.input.extend(inputs)


def _require_float(proto: onnx.ModelProto, path: Path) -> None:
    """Raises NetRefused for a file of integers, and for operators that only one engine knows."""
    nodes = list(nodes_in(proto.graph))
    rows = ((node, FOREIGN.get(node.op_type)) for node in nodes)
    for node, row in rows:
        if row and (row.kind == "conversion" or row.weights or row.type_slot is not None):
            raise NetRefused(
                f"{path} is quantized already ({node.op_type} {_title(node)}); give the float file "
                "that it was made from, and edgeconv quantizes it"
            )
    others = {f"{n.domain}.{n.op_type}": n for n in nodes if n.domain not in STANDARD_DOMAINS}
    if others:
        shown = ", ".join(f"{name} ({_title(node)})" for name, node in list(others.items())[:5])
        raise NetRefused(
            f"{path} has operators that are not ONNX's own: {shown}; export the net without them, "
            "or give the file from before an optimizer put them in"
        )


def _title(node: onnx.NodeProto) -> str:
    return (node.name or (node.output[0] if node.output else "?"))[:100]


def _opset(proto: onnx.ModelProto, path: Path) -> int:
    stated = [entry.version for entry in proto.opset_import if entry.domain in STANDARD_DOMAINS]
    if not stated:
        raise ArtifactRefused(f"{path} is no ONNX file: it names no opset")
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_OPSET <= stated[0] <= newest:
        raise NetRefused(
            f"{path} is of opset {stated[0]}; edgeconv reads {OLDEST_OPSET} to {newest}. Export it "
            f"at opset {OPSET}"
        )
    return int(stated[0])


def _fixed(proto: onnx.ModelProto, shapes: foreign_inputs.Shapes) -> onnx.ModelProto:
    """States the inputs' shapes, and all that follow; the file's own were of open sizes."""
    for value in proto.graph.input:
        made = helper.make_tensor_value_info(value.name, TensorProto.FLOAT, shapes[value.name])
        value.CopyFrom(made)
    del proto.graph.value_info[:]
    for output in proto.graph.output:
        output.type.tensor_type.ClearField("shape")
    inferred: onnx.ModelProto = shape_inference.infer_shapes(proto, data_prop=True)
    return inferred


def _require_reals(proto: onnx.ModelProto, path: Path) -> None:
    """Raises NetRefused for an output of whole numbers or truth values.

    How sure they are is told by noise within the net, which needs its module.
    """
    for output in proto.graph.output:
        kind = output.type.tensor_type.elem_type
        if kind not in (TensorProto.FLOAT, TensorProto.UNDEFINED):
            word = TensorProto.DataType.Name(kind).lower()
            raise NetRefused(
                f"{path} gives {output.name}, {word}; outputs of ONNX files must be float32. "
                "Export it without its last step (an arg max, a comparison, a cast), and do that "
                "in the app"
            )


def _rename_ends(proto: onnx.ModelProto, path: Path, inputs: Sequence[str]) -> None:
    """Calls the inputs so, and a single output `logits`."""
    graph = proto.graph
    own = [value.name for value in graph.input]
    renamed = {old: new for old, new in zip(own, inputs, strict=True) if old != new}
    if len(graph.output) == 1:
        renamed[graph.output[0].name] = LOGITS
    used = {name for node in graph.node for name in (*node.input, *node.output)}
    for name in renamed.values():
        if name in used and name not in renamed:
            _rename(graph, {name: f"{name}::inner"})
    _rename(graph, renamed)
    taken = {value.name for value in graph.input}
    for output in graph.output:
        if not output.name.isprintable() or not output.name.strip() or output.name in taken:
            raise NetRefused(f"{path} has an output called {output.name!r}; give it another name")


def _rename(graph: onnx.GraphProto, renamed: dict[str, str]) -> None:
    """Other names for values, in graphs inside of nodes too."""
    for held in (*graph.input, *graph.output, *graph.initializer):
        held.name = renamed.get(held.name, held.name)
    for node in graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                names[index] = renamed.get(name, name)
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                _rename(inner, renamed)


def _turn_ends(proto: onnx.ModelProto) -> None:
    """Lets images come and go as (N, C, H, W); what turns them in between cancels out."""
    graph = proto.graph
    for index, value in enumerate(graph.input):
        name, suffix = value.name, f"_{index}" if index else ""
        if len(value.type.tensor_type.shape.dim) == _IMAGE_AXES:
            _turn(value, TO_NCHW)
            _rename(graph, {name: f"{name}::nhwc"})
            value.name = name
            turn = helper.make_node(
                "Transpose", [name], [f"{name}::nhwc"], f"to_nhwc{suffix}", perm=TO_NHWC
            )
            graph.node.insert(0, turn)
    for output in graph.output:
        name = output.name
        if len(output.type.tensor_type.shape.dim) == _IMAGE_AXES:
            _turn(output, TO_NCHW)
            _rename(graph, {name: f"{name}::nhwc"})
            output.name = name
            graph.node.append(
                helper.make_node("Transpose", [f"{name}::nhwc"], [name], "to_nchw", perm=TO_NCHW)
            )


def _turn(value: onnx.ValueInfoProto, perm: Sequence[int]) -> None:
    dims = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
    turned = helper.make_tensor_value_info(value.name, TensorProto.FLOAT, [dims[i] for i in perm])
    value.CopyFrom(turned)
