"""What stands in ONNX and TFLite files of any tool: operators, tensors, memory, work."""
