"""The four guidelines for nets that are fast, not only small, as findings with figures.

Ma, Zhang, Zheng, Sun 2018, "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture
Design", https://arxiv.org/abs/1807.11164, section 3. Two nets with as many multiply-adds differ in
speed by what goes through memory and by how much can run at once; the guidelines say where to look:

G1. equal numbers of channels in and out of a 1 x 1 convolution make its memory access least;
G2. many groups raise memory access;
G3. fragments (many small operators in a block) leave processors idle;
G4. element-wise operators cost time out of proportion to their multiply-adds.

The paper counts values; so do the bounds here, and bytes stand beside them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from edgeconv.files.operations import Convolution, ModelOperations, Operation
from edgeconv.graph.operators.operator import Kind
from edgeconv.verify.inspect.blocks import Block, blocks

Guideline = Literal["G1", "G2", "G3", "G4"]

#: Kinds of operators that compute each value from those at its place.
_ELEMENT_WISE: tuple[Kind, ...] = ("arithmetic", "activation", "conversion")
#: How many operators a finding names.
_NAMED = 3
#: Past this ratio of channels a 1 x 1 convolution counts as unbalanced.
UNBALANCED = 2.0


@dataclass(frozen=True)
class Finding:
    """What one guideline says of a file.

    Attributes:
        guideline: its number in the paper.
        title: what it is about.
        sentence: the finding in words.
        figures: the numbers behind it.
        worst: names of the operators it is most true of, the worst first.
    """

    guideline: Guideline
    title: str
    sentence: str
    figures: dict[str, float | int]
    worst: tuple[str, ...] = field(default=())


def findings(model: ModelOperations) -> tuple[Finding, ...]:
    """One finding for each guideline, in their order."""
    return (
        unbalanced_channels(model),
        group_convolution(model),
        fragmentation(model),
        element_wise(model),
    )


def access_of(conv: Convolution) -> int:
    """Values a convolution reads and writes: hw c1 + hw' c2 + k c1 c2 / g (section 3, G1, G2)."""
    return (
        conv.in_positions * conv.in_channels
        + conv.out_positions * conv.out_channels
        + conv.kernel * (conv.in_channels // conv.groups) * conv.out_channels
    )


def least_access(conv: Convolution) -> float:
    """Lower bound of a 1 x 1 convolution's access at its B multiply-adds (equation 1).

    2 sqrt(hw B) + B / hw, reached where it has as many channels in as out.
    """
    positions, cost = conv.out_positions, conv.multiply_adds
    return 2 * math.sqrt(positions * cost) + cost / positions


def unbalanced_channels(model: ModelOperations) -> Finding:
    """G1: 1 x 1 convolutions whose inputs and outputs differ in channels."""
    found = [
        (operation, conv)
        for operation, conv in _convolutions(model)
        if conv.kernel == 1 and conv.groups == 1 and conv.out_positions > 1
    ]
    ratios = [_ratio(conv) for _, conv in found]
    access = sum(access_of(conv) for _, conv in found)
    least = sum(least_access_as_run(conv) for _, conv in found)
    excess = access / least if least else 1.0
    unbalanced = sum(ratio > UNBALANCED for ratio in ratios)
    lost = [(access_of(c) - least_access_as_run(c), o.name) for o, c in found]
    # The geometric mean, each convolution weighted by its access.
    mean = math.exp(sum(access_of(c) * math.log(_ratio(c)) for _, c in found) / max(1, access))
    if not found:
        sentence = "no 1 x 1 convolutions"
    else:
        sentence = (
            f"{unbalanced} of {len(found)} 1 x 1 convolutions have over {UNBALANCED:g} times as "
            f"many channels on one side as on the other (mean 1:{mean:.1f}, worst "
            f"1:{max(ratios):.1f}); together they access {excess:.2f} times the least memory for "
            "their multiply-adds"
        )
    return Finding(
        "G1",
        "unbalanced channels",
        sentence,
        {
            "pointwise_convolutions": len(found),
            "unbalanced": unbalanced,
            "mean_ratio": mean,
            "worst_ratio": max(ratios, default=1.0),
            "access_values": access,
            "least_access_values": round(least),
            "access_over_least": excess,
        },
        _worst((loss, name) for loss, name in lost if loss > 0),
    )


def least_access_as_run(conv: Convolution) -> float:
    """`least_access`, plus what a stride reads beyond the positions it computes."""
    return least_access(conv) + (conv.in_positions - conv.out_positions) * conv.in_channels


def group_convolution(model: ModelOperations) -> Finding:
    """G2: grouped convolutions against dense ones of the same input and multiply-adds."""
    convs = _convolutions(model)
    grouped = [(o, c) for o, c in convs if c.groups > 1 and not c.is_depthwise]
    depthwise = [c for _, c in convs if c.is_depthwise]
    total = max(1, model.multiply_adds)
    share = sum(o.multiply_adds for o, _ in grouped) / total
    access = sum(access_of(c) for _, c in grouped)
    dense = sum(dense_access(c) for _, c in grouped)
    groups = max((c.groups for _, c in grouped), default=1)
    depthwise_share = sum(o.multiply_adds for o, c in convs if c.is_depthwise) / total
    if grouped:
        sentence = (
            f"{len(grouped)} grouped convolutions (up to {groups} groups) do {100 * share:.1f} % "
            f"of the multiply-adds and access {access / dense:.2f} times the memory of dense ones "
            "with the same input and multiply-adds"
        )
    else:
        sentence = f"no grouped convolutions besides {len(depthwise)} depthwise ones"
    return Finding(
        "G2",
        "group convolution",
        sentence,
        {
            "grouped_convolutions": len(grouped),
            "most_groups": groups,
            "multiply_adds_share": share,
            "access_values": access,
            "dense_access_values": round(dense),
            "access_over_dense": access / dense if dense else 1.0,
            "depthwise_convolutions": len(depthwise),
            "depthwise_multiply_adds_share": depthwise_share,
        },
        _worst((access_of(c) - dense_access(c), o.name) for o, c in grouped),
    )


def dense_access(conv: Convolution) -> float:
    """Values a dense convolution of the same input, kernel and multiply-adds accesses (eq. 2).

    Without groups the multiply-adds buy c2 / g output channels only.
    """
    out = conv.out_channels / conv.groups
    return (
        conv.in_positions * conv.in_channels
        + conv.out_positions * out
        + conv.kernel * conv.in_channels * out
    )


def fragmentation(model: ModelOperations) -> Finding:
    """G3: convolutions and poolings in a block, and how many operators could run at once."""
    every = blocks(model)
    found = [block for block in every if block.branches > 1]
    most = max(found, key=lambda block: block.fragments, default=Block((), 0, 0, 0))
    operators = sum(len(block.operations) for block in every)
    path = sum(block.depth for block in every)
    mean = sum(block.fragments for block in found) / len(found) if found else 0.0
    branches = max((block.branches for block in found), default=1)
    parallelism = operators / path if path else 1.0
    work = [o for block in every for o in block.operations if o.multiply_adds]
    each = model.multiply_adds / len(work) if work else 0.0
    if found:
        sentence = (
            f"{len(found)} blocks branch, into up to {branches} branches, with {mean:.1f} "
            f"convolutions and poolings each on average and {most.fragments} at most; "
            f"{operators} operators stand {path} deep, {parallelism:.2f} side by side"
        )
    else:
        sentence = f"no block branches: {operators} operators stand one behind the other"
    return Finding(
        "G3",
        "fragmentation",
        sentence,
        {
            "operators": operators,
            "depth": path,
            "parallelism": parallelism,
            "branching_blocks": len(found),
            "most_branches": branches,
            "mean_fragments": mean,
            "most_fragments": most.fragments,
            "mean_multiply_adds_an_operator": round(each),
        },
        tuple(o.name for o in most.operations[:1]),
    )


def element_wise(model: ModelOperations) -> Finding:
    """G4: share of the memory access that element-wise operators cause.

    Activations that an engine computes inside the operator before them cost nothing and do not
    count. Depthwise convolutions, which the paper counts as element-wise too, stand beside.
    """
    total = max(1, model.memory_access)
    found = [o for o in model.operations if o.kind in _ELEMENT_WISE and o.accessed]
    moves = [o for o in model.operations if o.is_move and o.accessed]
    depthwise = [o for o, c in _convolutions(model) if c.is_depthwise]
    share, moved, through_depthwise = (
        sum(o.memory_access for o in group) / total for group in (found, moves, depthwise)
    )
    sentence = (
        f"{len(found)} element-wise operators cause {100 * share:.1f} % of the memory access and "
        f"none of the multiply-adds; depthwise convolutions {100 * through_depthwise:.1f} %; "
        f"{len(moves)} operators that only move values {100 * moved:.1f} %"
    )
    return Finding(
        "G4",
        "element-wise share",
        sentence,
        {
            "element_wise_operators": len(found),
            "memory_access_share": share,
            "depthwise_memory_access_share": through_depthwise,
            "moving_operators": len(moves),
            "moving_memory_access_share": moved,
        },
        _worst((o.memory_access, o.name) for o in found),
    )


def _convolutions(model: ModelOperations) -> list[tuple[Operation, Convolution]]:
    return [(o, o.convolution) for o in model.operations if o.convolution is not None]


def _ratio(conv: Convolution) -> float:
    low, high = sorted((conv.in_channels, conv.out_channels))
    return high / low


def _worst(scored: Iterable[tuple[float, str]]) -> tuple[str, ...]:
    ranked: Sequence[tuple[float, str]] = sorted(scored, key=lambda pair: -pair[0])
    return tuple(name for _, name in ranked[:_NAMED])
