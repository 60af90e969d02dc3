"""Where a bundle goes wrong: every tensor of every file, and what each operator adds by itself.

    reference -> onnx -> tflite -> int8 weights, float activations -> int8.onnx, int8.tflite

`walk.diagnose` does it; `diagnosis` says what comes out. An int8 file is compared with its own
float twin (the graph with the file's weights), because equalization scales channels inside the
net; the twin is compared with the float net up to a scale and a shift of each channel.
"""

from edgeconv.verify.diagnose.diagnosis import Diagnosis, Finding, TensorDiagnosis
from edgeconv.verify.diagnose.walk import PHOTOS, diagnose

__all__ = ["PHOTOS", "Diagnosis", "Finding", "TensorDiagnosis", "diagnose"]
