"""Changes of the float net that leave what it computes and make it easier to quantize."""
