"""PyTorch definitions, their published facts, and weights.

`registry`, `catalog` and `spec` are plain data and import nothing heavy; the definitions stand one
file a family and are imported by `load.load_net` only when a net is built.
"""
