"""The passes that turn a traced graph into a hub graph, each a function on an `onnx_ir.Model`."""
