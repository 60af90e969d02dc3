"""ONNX files of any tool: their operators, where their values lie in memory, their weights."""
