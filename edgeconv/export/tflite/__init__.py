"""TFLite files straight from the hub graph.

    hub graph ── convert: one lowering for each node ──> Program ── flatbuffer: pack ──> bytes
                     │                                      │
                  builder: layouts, types, names         versions, metadata
                  rules: what a plan must keep

`layout` says how an NCHW tensor lies in an NHWC file and why almost nothing is ever transposed.
"""

from edgeconv.export.tflite.metadata import TfliteMetadata
from edgeconv.export.tflite.write import write

__all__ = ["TfliteMetadata", "write"]
