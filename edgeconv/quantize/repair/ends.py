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
    black, white = preprocessing.low, preprocessing.high
    if raw:
        black, white = (0.0,) * len(black), (255.0,) * len(white)
    return Ends(input_bounds(black, white), is_classifier)
