"""A plan: the quantization parameters of every tensor, and the rules that writers hold it to."""
