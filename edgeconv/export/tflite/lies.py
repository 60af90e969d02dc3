"""The blob by which a file says how its tensors lie, where their shapes cannot tell.

A hub tensor (1, 4, 4, 16) that a Reshape gave may lie in the file as (1, 4, 4, 16) in three orders.
Whoever compares two files tensor by tensor has to know in which; `files.tflite.tensor_order` reads:

    {"NAME": [[sizes of the hub's axes], [their order in the file]], ...}
"""

from __future__ import annotations

import json

from edgeconv.export.tflite.program import Program

BLOB = "edgeconv_tensor_order"


def blobs(program: Program) -> dict[str, bytes]:
    """The blob by its name; nothing for a file in which all tensors lie as is usual."""
    if not program.unusual:
        return {}
    orders = {name: [lie.axes, lie.order] for name, lie in program.unusual.items()}
    return {BLOB: json.dumps(orders, sort_keys=True, separators=(",", ":")).encode()}
