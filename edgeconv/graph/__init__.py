"""The hub graph: a simplified, static `onnx_ir.Model`, and how the rest of edgeconv reads it.

What every hub graph promises (`capture` establishes it, the writers and the quantizer rely on it):

- opset 17, static shapes known for every value, inputs and outputs float32;
- no Constant, Identity or Dropout node; constants are initializers with a `const_value`;
- BatchNormalization folded wherever a convolution stands before it;
- weights and biases of Conv and Gemm are initializers of their own: none is shared by two nodes;
- every Conv has a bias;
- values and nodes are named after the module they come from: the output of `features.3.conv.1` is
  called `features.3.conv.1`, its weight `features.3.conv.1.weight`. A module that gives several
  nodes names them `features.3/add`, `features.3/concat`, ...
"""
