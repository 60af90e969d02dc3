"""What a net looks at: Grad-CAM and guided backpropagation, of the float net and of the int8 file.

    photo ── float net ── activations, gradients of a class ──> Grad-CAM (float)
      │                        │ guided backpropagation
      └──── int8 file ── its activations, dequantized ── float tail: gradients ──> Grad-CAM (int8)

An integer file has no gradients. The int8 map is made of the file's own activations at the layer;
the gradients are those of the float net, run on from that layer with the file's activations in
place of its own. Where the rest of the net is a global pooling and a fully connected layer, these
gradients are the layer's weights and the same for both maps, so that the maps differ by the
activations alone. Branches that pass the layer by keep their float values.

`explain` is the way in.
"""
