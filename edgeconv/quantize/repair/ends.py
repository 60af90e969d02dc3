"""What is known of a net's ends beyond its graph."""

from __future__ import annotations

from dataclasses import dataclass

from edgeconv.data.preprocessing import Preprocessing
from edgeconv.quantize.repair.bounds import ChannelBounds, input_bounds


@dataclass(frozen=True, eq=False)
class Ends:
    """What a caller knows of what goes into a net and what comes out.

    Attributes:
        source: what no value of the input leaves, whatever the photo; None where nothing is known.
        is_classifier: whether the one output holds logits that a softmax turns into probabilities.
    """

    source: ChannelBounds | None = None
    is_classifier: bool = False


def ends_of(preprocessing: Preprocessing | None, *, is_classifier: bool, raw: bool = False) -> Ends:
    """The ends of a net.

    Args:
        preprocessing: how a photo becomes its input; None where that is not known.
        is_classifier: see `Ends`.
        raw: whether the graph takes pixels, 0..255, and normalizes them itself.
    """
    if preprocessing is None:
        return Ends(is_classifier=is_classifier)
    return Ends(input_bounds(*edges_of(preprocessing, raw=raw)), is_classifier)


def edges_of(
    preprocessing: Preprocessing, *, raw: bool
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What black and white are to a graph, by channel: normalized, or pixels of 0 and 255."""
    if raw:
        return (0.0,) * preprocessing.channels, (255.0,) * preprocessing.channels
    return preprocessing.low, preprocessing.high
