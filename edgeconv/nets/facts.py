"""Figures counted from a module."""

from __future__ import annotations

from torch import nn


def count_parameters(module: nn.Module) -> int:
    """Learned values; buffers such as BatchNorm's running statistics do not count."""
    return sum(parameter.numel() for parameter in module.parameters())
