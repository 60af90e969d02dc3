"""Normalizations that no BatchNorm is."""

from __future__ import annotations

from tests.export.tflite.cases.case import IMAGE, Case, chain, floats, ints, node
from tests.export.tflite.graphs import weights

CASES: dict[str, Case] = {
    "LayerNormalization of rows": node(
        "LayerNormalization", (2, 5), weights(5), weights(5, seed=7)
    ),
    "LayerNormalization of an image": node(
        "LayerNormalization", IMAGE, weights(6, 7, 8), weights(6, 7, 8, seed=7), axis=1
    ),
    "LayerNormalization without an offset": node(
        "LayerNormalization", IMAGE, floats(*[1] * 8), epsilon=0.1
    ),
    "channels last, LayerNormalization and back": chain(
        ("Transpose", {"perm": [0, 2, 3, 1]}, ()),
        ("LayerNormalization", {}, (weights(6), weights(6, seed=7))),
        ("Transpose", {"perm": [0, 3, 1, 2]}, ()),
        ("Relu", {}, ()),
        shape=IMAGE,
    ),
    "InstanceNormalization": node("InstanceNormalization", IMAGE, weights(6), weights(6, seed=7)),
    "InstanceNormalization of rows": node(
        "InstanceNormalization", (2, 6, 9), weights(6), weights(6, seed=7)
    ),
    "InstanceNormalization of five axes": node(
        "InstanceNormalization", (2, 3, 2, 4, 5), weights(3), weights(3, seed=7)
    ),
    "groups of channels, normalized": chain(
        ("Reshape", {}, (ints(2, 3, 2, 7, 8),)),
        ("InstanceNormalization", {}, (floats(1, 1, 1), floats(0, 0, 0))),
        ("Reshape", {}, (ints(2, 6, 7, 8),)),
        ("Relu", {}, ()),
        shape=IMAGE,
    ),
    "LRN over three channels": node("LRN", IMAGE, size=3, alpha=0.5, beta=0.75, bias=2.0),
    "LRN with a root": node("LRN", IMAGE, size=3, alpha=0.5, beta=0.5),
    "LRN to another power": node("LRN", IMAGE, size=5, alpha=0.1, beta=0.6),
}
