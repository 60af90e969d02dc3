"""The float graph of another tool's ONNX file, static and at opset 17, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import TensorProto, helper, inliner, shape_inference, version_converter

from edgeconv.errors import ArtifactRefused, NetRefused, UsageError
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
_CHANNELS = 3


@dataclass(frozen=True, eq=False)
class ForeignGraph:
    """A file's graph with all sizes fixed.

    Attributes:
        path: of the file.
        proto: as the file has it: its reference.
        is_nhwc: whether its image, and what it gives of four axes, is (N, H, W, C).
        input_size: (height, width) of the image.
        opset: of the file.
    """

    path: Path
    proto: onnx.ModelProto
    is_nhwc: bool
    input_size: tuple[int, int]
    opset: int


def read(path: Path, batch: int, input_size: tuple[int, int] | None) -> ForeignGraph:
    """A file's graph for batches and images of one size.

    Raises:
        ArtifactRefused: it is no ONNX file.
        NetRefused: it is quantized, has operators of other domains, or takes no image.
        UsageError: the batch or the image is of another size than the file's, or is not told.
    """
    proto = load_proto(path)
    with refusing_damage(path):
        if proto.functions:
            proto = inliner.inline_local_functions(proto)
        _drop_inputs_with_values(proto)
        _require_float(proto, path)
        opset = _opset(proto, path)
        image = _image(proto, path)
        found = _sizes(image, path, batch, input_size)
        proto = _fixed(proto, image, found)
        _require_reals(proto, path)
        onnx.checker.check_model(proto)
    is_nhwc = found[1] != _CHANNELS
    height, width = found[1:3] if is_nhwc else found[2:]
    return ForeignGraph(path, proto, is_nhwc, (height, width), opset)


def prepared(graph: ForeignGraph) -> onnx.ModelProto:
    """The graph as `simplify` takes it: `input` is (N, C, H, W), a single output is `logits`.

    Raises:
        NetRefused: onnx cannot bring it to a newer opset.
    """
    proto = onnx.ModelProto()
    proto.CopyFrom(graph.proto)
    with refusing_damage(graph.path):
        proto = _in_newer_opset(spell_out(proto, graph.opset), graph)
        _rename_ends(proto, graph.path)
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


def _image(proto: onnx.ModelProto, path: Path) -> onnx.ValueInfoProto:
    inputs = proto.graph.input
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs) or "none"
        raise NetRefused(f"{path} has {len(inputs)} inputs ({names}); edgeconv takes one image")
    image: onnx.ValueInfoProto = inputs[0]
    tensor = image.type.tensor_type
    if tensor.elem_type != TensorProto.FLOAT or len(tensor.shape.dim) != 4:
        kind = TensorProto.DataType.Name(tensor.elem_type).lower()
        raise NetRefused(
            f"{path} takes {image.name}, {kind} of {len(tensor.shape.dim)} axes; edgeconv takes "
            "one image, float32 (N, 3, H, W) or (N, H, W, 3)"
        )
    return image


def _sizes(
    image: onnx.ValueInfoProto, path: Path, batch: int, input_size: tuple[int, int] | None
) -> tuple[int, int, int, int]:
    """The image's shape with every open size filled in."""
    dims = image.type.tensor_type.shape.dim
    known = [int(dim.dim_value) if dim.dim_value > 0 else None for dim in dims]
    is_nhwc = known[3] == _CHANNELS and known[1] != _CHANNELS
    if not is_nhwc and known[1] not in (_CHANNELS, None):
        raise NetRefused(
            f"{path}: its image has the shape {_shown(dims)}; edgeconv takes three channels"
        )
    places = (1, 2) if is_nhwc else (2, 3)
    if known[0] not in (None, batch):
        raise UsageError(
            f"{path} is made for batches of {known[0]}; give --batch {known[0]}, or export it with "
            "an open batch size"
        )
    wanted = input_size or (None, None)
    names = [dims[place].dim_param or f"axis {place}" for place in places]
    for place, side in zip(places, wanted, strict=True):
        if known[place] is None and side is None:
            raise UsageError(
                f"{path} leaves the size of its image open ({' x '.join(names)}); give "
                "--input-size HEIGHTxWIDTH"
            )
        if side is not None and known[place] not in (None, side):
            raise UsageError(
                f"{path} is made for images of {known[places[0]]} x {known[places[1]]}; leave "
                "--input-size out, or export it with open sizes"
            )
        known[place] = known[place] or side
    shape = (batch, *known[1:])
    return tuple(_CHANNELS if size is None else size for size in shape)  # type: ignore[return-value]  # four


def _shown(dims: Sequence[onnx.TensorShapeProto.Dimension]) -> str:
    return " x ".join(dim.dim_param or str(dim.dim_value) for dim in dims)


def _fixed(
    proto: onnx.ModelProto, image: onnx.ValueInfoProto, shape: tuple[int, int, int, int]
) -> onnx.ModelProto:
    """States the image's shape, and all that follow; the file's own were of open sizes."""
    made = helper.make_tensor_value_info(image.name, TensorProto.FLOAT, shape)
    image.CopyFrom(made)
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


def _rename_ends(proto: onnx.ModelProto, path: Path) -> None:
    """Calls the image `input`, and a single output `logits`."""
    graph = proto.graph
    renamed = {graph.input[0].name: "input"}
    if len(graph.output) == 1:
        renamed[graph.output[0].name] = "logits"
    used = {name for node in graph.node for name in (*node.input, *node.output)}
    for name in renamed.values():
        if name in used and name not in renamed:
            _rename(graph, {name: f"{name}::inner"})
    _rename(graph, renamed)
    for output in graph.output:
        if not output.name.isprintable() or not output.name.strip() or output.name == "input":
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
    _turn(graph.input[0], TO_NCHW)
    _rename(graph, {"input": "input::nhwc"})
    graph.input[0].name = "input"
    graph.node.insert(
        0, helper.make_node("Transpose", ["input"], ["input::nhwc"], "to_nhwc", perm=TO_NHWC)
    )
    for output in graph.output:
        name = output.name
        if len(output.type.tensor_type.shape.dim) == len(TO_NCHW):
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
