"""Rewrites of products of computed tensors and of what stands around them."""
