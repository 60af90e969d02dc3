"""The four guidelines, against the paper's formulas worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from edgeconv.files.operations import Convolution
from edgeconv.files.read import read_operations
from edgeconv.verify.inspect.blocks import blocks
from edgeconv.verify.inspect.guidelines import (
    Finding,
    access_of,
    dense_access,
    findings,
    least_access,
)
from tests.helpers.operations import Node, node, weights, write_onnx


def found(tmp_path: Path, nodes: list[Node], constants: dict[str, object]) -> dict[str, Finding]:
    path = write_onnx(tmp_path / "m.onnx", nodes, constants)
    return {finding.guideline: finding for finding in findings(read_operations(path))}


def pointwise(c1: int, c2: int, positions: int, groups: int = 1) -> Convolution:
    return Convolution(1, c1, c2, groups, positions, positions)


@pytest.mark.parametrize("ratio", [1, 2, 6, 12])
def test_memory_access_is_least_where_channels_are_equal(ratio):
    # The paper's equation 1: MAC >= 2 sqrt(hwB) + B / hw, equality at c1 = c2.
    conv = pointwise(32, 32 * ratio, 56 * 56)
    excess = access_of(conv) / least_access(conv)
    assert math.isclose(excess, 1.0) if ratio == 1 else excess > 1.0


def test_unbalanced_channels_by_hand(tmp_path):
    # 8 -> 32 on 16 positions: 16 x 40 + 256 values; bound 2 sqrt(16 x 4096) + 256.
    g1 = found(tmp_path, [node("Conv", ["x", "w"], ["y"])], {"w": weights(32, 8)})["G1"]
    assert g1.figures["access_values"] == 16 * (8 + 32) + 8 * 32
    assert g1.figures["least_access_values"] == 2 * 256 + 256
    assert g1.figures["worst_ratio"] == g1.figures["mean_ratio"] == 4.0
    assert g1.figures["unbalanced"] == 1
    assert g1.worst == ("y",)


def test_group_convolution_by_hand(tmp_path):
    # Equation 2 with g = 4, c1 = 8, c2 = 16, hw = 16: 16 x 24 + 32; dense: 16 x (8 + 4) + 32.
    g2 = found(tmp_path, [node("Conv", ["x", "w"], ["y"], group=4)], {"w": weights(16, 2)})["G2"]
    assert g2.figures["access_values"] == 16 * 24 + 32
    assert g2.figures["dense_access_values"] == 16 * 12 + 32
    assert g2.figures["multiply_adds_share"] == 1.0
    assert g2.figures["most_groups"] == 4


def test_at_the_same_multiply_adds_more_groups_access_more():
    # As in the paper's Table 2: the input and B are fixed, channels out grow with the groups.
    access = [access_of(pointwise(64, 64 * g, 784, g)) for g in (1, 2, 4, 8)]
    assert access == sorted(access)
    assert dense_access(pointwise(64, 512, 784, 8)) == access[0]


def test_depthwise_convolutions_stand_apart(tmp_path):
    g = found(tmp_path, [node("Conv", ["x", "w"], ["y"], group=8)], {"w": weights(8, 1)})
    assert g["G2"].figures["grouped_convolutions"] == 0
    assert g["G2"].figures["depthwise_multiply_adds_share"] == 1.0
    assert g["G4"].figures["depthwise_memory_access_share"] == 1.0


def test_a_chain_is_not_fragmented(tmp_path):
    chain = [
        node("Conv", ["x", "w"], ["a"]),
        node("Relu", ["a"], ["b"]),
        node("Conv", ["b", "w"], ["y"]),
    ]
    g3 = found(tmp_path, chain, {"w": weights(8, 8)})["G3"]
    assert g3.figures["operators"] == g3.figures["depth"] == 2
    assert g3.figures["branching_blocks"] == 0
    assert g3.figures["parallelism"] == 1.0


INCEPTION = [
    node("Conv", ["x", "w"], ["stem"]),
    node("Conv", ["stem", "w"], ["a"]),
    node("Conv", ["stem", "w"], ["b"]),
    node("Conv", ["b", "w"], ["b2"]),
    node("MaxPool", ["stem"], ["p"], kernel_shape=[1, 1]),
    node("Concat", ["a", "b2", "p"], ["y"], axis=1),
]


def test_branches_and_fragments_of_an_inception_block(tmp_path):
    path = write_onnx(tmp_path / "m.onnx", INCEPTION, {"w": weights(8, 8)})
    stem, inception = blocks(read_operations(path))
    assert [o.name for o in stem.operations] == ["stem"]
    assert (inception.branches, inception.fragments, inception.depth) == (3, 4, 3)
    g3 = {f.guideline: f for f in findings(read_operations(path))}["G3"]
    assert g3.figures["branching_blocks"] == 1
    assert g3.figures["mean_fragments"] == g3.figures["most_fragments"] == 4
    assert g3.figures["parallelism"] == 6 / 4


def test_a_shortcut_is_a_branch(tmp_path):
    nodes = [node("Conv", ["x", "w"], ["a"]), node("Add", ["a", "x"], ["y"])]
    path = write_onnx(tmp_path / "m.onnx", nodes, {"w": weights(8, 8)})
    (block,) = blocks(read_operations(path))
    assert (block.branches, block.fragments) == (2, 1)


def test_element_wise_share_by_hand(tmp_path):
    # Conv 128 + 64 + 128 values, Add 3 x 128, Mul by a constant of 8 and its ReLU 128 + 8 + 128.
    g4 = found(
        tmp_path,
        [
            node("Conv", ["x", "w"], ["c"]),
            node("Add", ["c", "x"], ["s"]),
            node("Mul", ["s", "k"], ["m"]),
            node("Relu", ["m"], ["y"]),
        ],
        {"w": weights(8, 8), "k": np.ones((1, 8, 1, 1), np.float32)},
    )["G4"]
    assert g4.figures["element_wise_operators"] == 2
    assert g4.figures["memory_access_share"] == (384 + 264) / (320 + 384 + 264)
    assert g4.worst == ("s", "m")
