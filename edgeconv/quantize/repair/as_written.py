"""The float graph with what repairs changed in the operators and channels of the int8 files."""

from __future__ import annotations

import onnx_ir as ir

from edgeconv.data.inputs import Intake
from edgeconv.graph.view import input_names
from edgeconv.quantize.plan.planner import PIXELS
from edgeconv.quantize.repair.bounds import channel_bounds, input_bounds
from edgeconv.quantize.repair.copies import with_copies
from edgeconv.quantize.repair.divide import divide
from edgeconv.quantize.repair.ends import edges_of
from edgeconv.quantize.repair.repairs import Repairs
from edgeconv.quantize.repair.swish import with_own_arguments


def as_written(model: ir.Model, repairs: Repairs, intake: Intake) -> ir.Model:
    """A copy of the float graph with the operators and channels that the int8 files have.

    They hold some channels as copies, an argument more for swishes that were scaled, and channels
    in another order where layers were divided.

    Args:
        model: a hub graph, which may take pixels.
        repairs: of its bundle's manifest.
        intake: what it takes.

    Raises:
        BundleRefused: the manifest's repairs are not of this graph, or not of dead channels.
        UsageError: channels are copied, and nothing says how a photo becomes its input.
    """
    model = with_own_arguments(model, repairs.swishes)
    if repairs.divided:
        model = divide(model, repairs.divided, repairs.orders).model
    if not repairs.copies:
        return model
    how = intake.of_photo("the bundle")
    edges = edges_of(how, raw=input_names(model) == [PIXELS])
    seen = channel_bounds(model, input_bounds(*edges, widened=0.0))
    return with_copies(model, repairs.copies, seen)
