"""Gives every node constants of its own.

The exporter merges equal initializers, so that one zero bias serves twenty convolutions;
quantization needs each with its node's scale.
"""

from __future__ import annotations

import onnx_ir as ir


def own_constants(model: ir.Model) -> None:
    """Copies every initializer that is read more than once, one for each further reader.

    The array is shared, not copied: only the name differs. Initializers nobody reads are dropped.
    """
    graph = model.graph
    for initializer in tuple(graph.initializers.values()):
        uses = tuple(initializer.uses())
        if not uses and not initializer.is_graph_output():
            del graph.initializers[str(initializer.name)]
        for number, use in enumerate(uses[1:], start=1):
            copy = ir.Value(
                name=f"{initializer.name}::{number}",
                shape=initializer.shape,
                type=initializer.type,
                const_value=initializer.const_value,
            )
            graph.register_initializer(copy)
            use.node.replace_input_with(use.idx, copy)
