"""What is known of a net's ends beyond its graph."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ends:
    """What a caller knows of what goes into a net and what comes out.

    Attributes:
        low: the least value that each channel of the input can hold, whatever the photo; None
            where nothing is known.
        high: the greatest.
        is_classifier: whether the one output holds logits that a softmax turns into probabilities.
    """

    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None
    is_classifier: bool = False
