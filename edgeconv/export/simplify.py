"""From the exporter's ONNX graph to a hub graph: onnxsim, then edgeconv's own passes."""

from __future__ import annotations

from collections.abc import Callable, Collection

import onnx
import onnx_ir as ir
import onnxsim
from onnx_ir.passes import common

from edgeconv.errors import NetRefused
from edgeconv.graph.passes.biases import add_zero_biases
from edgeconv.graph.passes.names import name_after_modules
from edgeconv.graph.passes.own_constants import own_constants

Pass = Callable[[ir.Model], None]

#: In this order; each relies on what those before it established.
PASSES: tuple[Pass, ...] = (
    own_constants,
    add_zero_biases,
)


def simplify(proto: onnx.ModelProto, *, name: str, leaves: Collection[str]) -> ir.Model:
    """The hub graph of an exported model.

    Args:
        proto: what torch.onnx.export gave, opset 17.
        name: of the net, becomes the graph's name.
        leaves: paths of the net's modules without children, for naming.

    Raises:
        NetRefused: onnxsim changed the values, or the result is no valid static ONNX graph.
    """
    simplified, same = onnxsim.simplify(proto)
    if not same:
        raise NetRefused(f"{name}: onnxsim gives other values than the exported graph")
    model: ir.Model = ir.from_proto(simplified)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    for change in PASSES:
        change(model)
    name_after_modules(model, leaves)
    model.graph.name = name
    common.ShapeInferencePass(check_type=True, strict_mode=True)(model)
    return model
