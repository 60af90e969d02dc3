"""From the exporter's ONNX graph to a hub graph: onnxsim, then edgeconv's own passes."""

from __future__ import annotations

from collections.abc import Callable, Collection

import onnx
import onnx_ir as ir
import onnxsim
from onnx_ir.passes import common

from edgeconv.errors import NetRefused
from edgeconv.export.capture.trace import IN_FLOAT
from edgeconv.graph.check import require_hub_graph, require_static_shapes
from edgeconv.graph.passes.attention.factors import fold_factors
from edgeconv.graph.passes.attention.matrices import normalise_matrices
from edgeconv.graph.passes.automatic_pads import state_automatic_pads
from edgeconv.graph.passes.batchnorm import fold_batchnorm
from edgeconv.graph.passes.biases import add_zero_biases
from edgeconv.graph.passes.bypass import bypass_no_ops
from edgeconv.graph.passes.convolutions.deep import flatten_deep_windows
from edgeconv.graph.passes.convolutions.early_activations import clamp_early
from edgeconv.graph.passes.convolutions.flat import widen_flat_convolutions
from edgeconv.graph.passes.convolutions.transposed import convolve_transposed
from edgeconv.graph.passes.divisions import multiply_by_reciprocals
from edgeconv.graph.passes.gelu import recognise_gelu
from edgeconv.graph.passes.gemm import normalise_gemm
from edgeconv.graph.passes.hard_activations import recognise_hard_activations
from edgeconv.graph.passes.largest import look_for_largest
from edgeconv.graph.passes.moves.chained_transposes import sum_up_transposes
from edgeconv.graph.passes.moves.computed_weights import multiply_by_computed_weights
from edgeconv.graph.passes.moves.cropping_pads import settle_pads
from edgeconv.graph.passes.moves.empty_parts import drop_empty_parts
from edgeconv.graph.passes.moves.gathers import settle_gathers
from edgeconv.graph.passes.moves.hidden import hide_finitely
from edgeconv.graph.passes.moves.masks import settle_masks
from edgeconv.graph.passes.moves.resizes import settle_resizes
from edgeconv.graph.passes.moves.scatters import settle_scatters
from edgeconv.graph.passes.moves.slices_of_concats import simplify_slices
from edgeconv.graph.passes.moves.turned_pads import pad_before_turning
from edgeconv.graph.passes.names import name_after_modules
from edgeconv.graph.passes.nested_concats import nest_concats
from edgeconv.graph.passes.older_forms import state_in_opset_17
from edgeconv.graph.passes.own_constants import own_constants
from edgeconv.graph.passes.padded_averages import convolve_padded_averages
from edgeconv.graph.passes.pads import fold_pads
from edgeconv.graph.passes.pads_apart import set_pads_apart
from edgeconv.graph.passes.pooling import normalise_pooling
from edgeconv.graph.passes.reshapes import drop_detours, normalise_reshapes
from edgeconv.graph.passes.shuffles.grouped_shuffles import settle_grouped_shuffles
from edgeconv.graph.passes.shuffles.pixel_shuffles import reorder_pixel_shuffles
from edgeconv.graph.passes.shuffles.shuffle import fold_shuffles
from edgeconv.graph.passes.stacked_sums import add_stacked
from edgeconv.graph.view import keep_in_float, place_of, set_place, title_of
from edgeconv.runtime.ort_provider import one_line

Pass = Callable[[ir.Model], object]

#: In this order; each relies on what those before it established.
PASSES: tuple[Pass, ...] = (
    require_static_shapes,
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
    settle_resizes,  # before opset 17, which cannot say all that they do
    state_in_opset_17,
    settle_pads,
    pad_before_turning,
    drop_empty_parts,
    bypass_no_ops,
    settle_scatters,
    settle_masks,
    hide_finitely,
    settle_gathers,  # after scatters, which gather too
    state_automatic_pads,  # before all that reads pads
    multiply_by_computed_weights,
    simplify_slices,  # after all that slice and join
    nest_concats,
    fold_pads,
    set_pads_apart,  # those that are left
    convolve_padded_averages,  # before BatchNorm, which folds into convolutions
    normalise_matrices,
    add_stacked,
    normalise_gemm,  # before BatchNorm, which folds into that form alone
    fold_batchnorm,
    flatten_deep_windows,  # after BatchNorm, which stands right behind them
    widen_flat_convolutions,  # likewise
    convolve_transposed,  # those of images, which all are now
    clamp_early,  # before the views that these two added
    normalise_pooling,
    recognise_hard_activations,
    normalise_reshapes,
    drop_detours,  # which lines of numbers take between two layers
    look_for_largest,
    fold_shuffles,  # after BatchNorm, whose factors follow the order of the channels
    settle_grouped_shuffles,  # those that are left
    reorder_pixel_shuffles,  # likewise
    sum_up_transposes,  # after all that know shuffles by their reshapes and transposes
    recognise_gelu,  # after all that know operators by the form of opset 17
    multiply_by_reciprocals,  # after all that know operators by their divisors
    fold_factors,  # those that are no half of a gelu
    common.RemoveUnusedNodesPass(),
    own_constants,  # after everything that adds or drops constants
    add_zero_biases,
)


_OTHER_FLOATS = frozenset(
    {ir.DataType.DOUBLE, ir.DataType.FLOAT16, ir.DataType.BFLOAT16, ir.DataType.COMPLEX64}
)

#: A factor before a convolution may be the half of a gelu; pads are folded by `fold_pads`, for
#: onnxsim does not look at `ceil_mode`, `auto_pad` and the size of the kernel.
_SKIPPED = ("fuse_preceding_mul_into_conv", "fuse_pad_into_conv", "fuse_pad_into_pool")


def simplify(proto: onnx.ModelProto, *, name: str, modules: Collection[str]) -> ir.Model:
    """The hub graph of an exported model.

    Args:
        proto: of opset 17 or newer, its image called `input`; a node's `doc_string` is its file
            and line, where torch.onnx.export gave it.
        name: of the net, becomes the graph's name.
        modules: paths of the net's modules, for naming.

    Raises:
        NetRefused: onnxsim failed or changed the values, or the result is no valid static ONNX
            graph.
    """
    try:
        simplified, same = onnxsim.simplify(proto, skipped_optimizers=list(_SKIPPED))
    except RuntimeError as error:  # an assertion in its native code, or a check of its own
        raise NetRefused(f"{name}: onnxsim cannot simplify the graph: {one_line(error)}") from error
    if not same:
        raise NetRefused(f"{name}: onnxsim gives other values than the exported graph")
    model: ir.Model = ir.from_proto(simplified)
    for node in model.graph:
        note = node.doc_string or ""
        set_place(node, note.removeprefix(IN_FLOAT))
        if note.startswith(IN_FLOAT):
            keep_in_float(node)
        node.doc_string = None
    for change in PASSES:
        change(model)
    name_after_modules(model, modules)
    model.graph.name = name
    require_hub_graph(model)
    _require_valid(model)
    return model


def _require_valid(model: ir.Model) -> None:
    try:
        common.CheckerPass(full_check=True)(model)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        said = str(error).strip().partition("\n")[0]
        named = (node for node in model.graph if f"node name: {node.name})" in said)
        where = next((f" (at {place_of(node)})" for node in named), "")
        raise NetRefused(
            f"{model.graph.name} is no valid ONNX graph{_odd(model)}: {said}{where}"
        ) from error


def _odd(model: ir.Model) -> str:
    """Where a graph leaves float32, which is why most invalid ones are; else nothing."""
    for node in model.graph:
        for value in node.outputs:
            if value.dtype in _OTHER_FLOATS:
                return (
                    f", for it computes in {value.dtype} from {node.op_type} {title_of(node)} on; "
                    "edgeconv computes in float32, so take .double() and the like out"
                )
    return ""
