"""scaled_dot_product_attention by its formula, with the scale on the queries alone.

PyTorch's exporter spells it with two scales, one on the queries and one on the keys, and looks for
rows that a mask hides wholly at run time, by comparing each weight with itself.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,  # noqa: ARG001 - nothing is dropped at inference
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Arguments and result as torch.nn.functional's."""
    if enable_gqa:
        key, value = (
            each.repeat_interleave(int(query.shape[-3]) // int(each.shape[-3]), -3)
            for each in (key, value)
        )
    factor = 1 / math.sqrt(int(query.shape[-1])) if scale is None else scale
    scores = (query * factor) @ key.transpose(-2, -1)
    if is_causal:
        shape = int(query.shape[-2]), int(key.shape[-2])
        attn_mask = torch.ones(shape, dtype=torch.bool).tril()
    if attn_mask is None:
        return scores.softmax(-1) @ value
    if attn_mask.dtype != torch.bool:
        return (scores + attn_mask).softmax(-1) @ value
    some = attn_mask.any(-1, keepdim=True)
    is_whole = bool(some.all())
    seen = attn_mask if is_whole else attn_mask | some.logical_not()
    hidden = torch.zeros(seen.shape).masked_fill(seen.logical_not(), -math.inf)
    weights = (scores + hidden).softmax(-1)
    if not is_whole:  # of rows with nothing to see PyTorch's weights are zero
        weights = weights * some.to(weights.dtype)
    return weights @ value
