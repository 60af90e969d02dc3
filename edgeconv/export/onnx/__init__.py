"""The ONNX writer: float, QDQ and stored weights."""
