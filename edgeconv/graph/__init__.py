"""The hub graph: a simplified, static `onnx_ir.Model`, and how the rest of edgeconv reads it.

What every hub graph promises (`capture` establishes it, the writers and the quantizer rely on it):

- opset 17, or 20 where there is a Gelu; static shapes known for every value, the input
  float32, outputs float32, int32, int64 or truth values;
- one input, called `input`; one output is called `logits`, several as the module calls them;
- no Constant, Identity or Dropout node; constants are initializers with a `const_value`, each read
  by one node;
- no BatchNormalization: folded into the Conv or Gemm before it, elsewhere a depthwise 1 x 1 Conv
  (of tensors that are no images, a Mul and an Add);
- every Conv and Gemm has a bias; every Gemm of constant weights is x (N, in), weight (out, in),
  bias (out,) with transB = 1 and no factors;
- convolutions and pools state their `pads`, and none has `auto_pad`;
- zero padding before a Conv, or before a pool that takes it, is that node's own `pads`; any other
  Pad by zero before a pool has the smallest normal number as its value, which no runtime folds;
- a mean over the whole image is GlobalAveragePool, a maximum over it a MaxPool;
- hard swish is HardSwish and gelu is Gelu, however the net spells them; a swish stays Sigmoid and
  Mul;
- a pixel shuffle has its channels in TFLite's order (DepthToSpace in mode DCR) wherever
  convolutions can follow it;
- Flatten has axis 1, every other change of shape is a Reshape to a constant shape without 0 or -1;
- values and nodes are named after the module they come from (`passes.names` has the rules): the
  output of `features.3.conv.1` is called `features.3.conv.1`, its weight
  `features.3.conv.1.weight`. A module that gives several nodes names them `features.3/add`,
  `features.3/concat`, ...
"""
