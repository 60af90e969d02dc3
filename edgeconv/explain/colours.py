"""A perceptually uniform colour scale: inferno, black over purple and orange to pale yellow.

The scale is Nathaniel Smith's and Stéfan van der Walt's for matplotlib (CC0,
https://bids.github.io/colormap); the polynomial of degree six that follows it is Matt Zucker's
(CC0, https://www.shadertoy.com/view/WlfXRN).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Coefficients of red, green and blue, from degree 0 to 6.
_INFERNO = np.array(
    [
        (0.0002189403691192265, 0.001651004631001012, -0.01948089843709184),
        (0.1065134194856116, 0.5639564367884091, 3.932712388889277),
        (11.60249308247187, -3.972853965665698, -15.9423941062914),
        (-41.70399613139459, 17.43639888205313, 44.35414519872813),
        (77.162935699427, -33.40235894210092, -81.80730925738993),
        (-71.31942824499214, 32.62606426397723, 73.20951985803202),
        (25.13112622477341, -12.24266895238567, -23.07032500287172),
    ]
)


def inferno(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Colours of values from 0 to 1; what lies outside is clipped.

    Args:
        values: (H, W).

    Returns:
        uint8 RGB (H, W, 3).
    """
    t = np.clip(values, 0, 1)[..., np.newaxis]
    colour = np.zeros((*values.shape, 3))
    for coefficients in _INFERNO[::-1]:
        colour = colour * t + coefficients
    rgb: NDArray[np.uint8] = np.rint(255 * np.clip(colour, 0, 1)).astype(np.uint8)
    return rgb
