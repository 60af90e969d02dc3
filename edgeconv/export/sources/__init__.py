"""What an export begins with: a module of PyTorch's, or an ONNX file."""
