"""What an ONNX operator is: a row each, one file a family; `table` finds a row by its name.

Rules and passes ask a row for its traits instead of keeping lists of names. What hangs on the node
itself (whether a power is a square, whether two nodes fuse, how integers are computed) stays beside
the pass that needs it. docs/add-an-operator.md shows how one is added.
"""
