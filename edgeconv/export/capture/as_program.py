"""A module as the operators that `torch.export` sees it run, for what a trace cannot follow.

A trace records what is done to plain tensors; under torch.func.vmap or jvp a module's code computes
with others, and a trace gives up. A program of torch.export holds the plain operators behind them.
It takes seconds to make, so it is made only then.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import nn
from torch.fx import GraphModule

from edgeconv.export.capture.inlined import as_written
from edgeconv.nets.running import Given, both_branches, each, unchanged

#: What the module of a program has of its own, which refuses to be set to eval mode.
_MODES = ("train", "eval")


def as_program(module: nn.Module, example: Given) -> nn.Module:
    """The module of a program that computes what a module does, for inputs of the example's shapes.

    Args:
        module: in eval mode; it stays as it is.
        example: its inputs.

    Raises:
        Exception: one of PyTorch's many: it gave up.
    """
    given = tuple(tensor.clone() for tensor in each(example))
    with unchanged(module), as_written(module), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of PyTorch's own parts, none of the module's
        program = torch.export.export(module, given, strict=False).run_decompositions({})
        found: Any = program.module(check_guards=False)
    for name in _MODES:
        vars(found).pop(name, None)
    for graph in found.modules():
        if isinstance(graph, GraphModule):
            _spell_out(graph)
    net: nn.Module = found
    return net


def _spell_out(module: GraphModule) -> None:
    """Calls of torch.cond by what every operator of a file can do."""
    for node in module.graph.find_nodes(op="call_function", target=torch.ops.higher_order.cond):
        node.target = both_branches
    module.recompile()
