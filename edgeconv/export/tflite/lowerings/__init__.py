"""One function for each family of ONNX operators, by family; `table` finds it."""
