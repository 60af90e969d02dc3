"""The plan's integers, computed exactly as TFLite's reference kernels compute them, in NumPy.

    plan + integers of an image -> integers of every tensor

No engine is asked, so it judges engines: LiteRT's reference kernels agree with it to the last bit
for convolutions, fully connected layers, pools, reshapes and concatenations and within one step for
everything else; onnxruntime is held against it on any CPU.
"""

from edgeconv.quantize.simulate.simulator import Simulator

__all__ = ["Simulator"]
