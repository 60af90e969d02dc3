"""A plan as JSON, for the manifest and for reports."""

from __future__ import annotations

from typing import Any

from edgeconv.quantize.plan.affine import covered
from edgeconv.quantize.plan.parameters import Plan, QuantParams


def summarize(plan: Plan) -> dict[str, Any]:
    """What a plan says, without its integers.

    Returns:
        `activations`: name -> scale, zero_point, low and high (the reals its grid spans);
        `constants`: name -> dtype, axis, shape, smallest and largest scale;
        `requantize`: a list of edges; `islands`: sorted node names. All JSON values.
    """
    return {
        "activations": {name: _activation(found) for name, found in plan.activations.items()},
        "constants": {
            name: {
                "dtype": found.params.dtype,
                "axis": found.params.axis,
                "shape": list(found.values.shape),
                "scale_min": float(found.params.scale.min()),
                "scale_max": float(found.params.scale.max()),
            }
            for name, found in plan.constants.items()
        },
        "requantize": [
            {"consumer": edge.consumer, "index": edge.index, **_activation(found)}
            for edge, found in plan.requantize.items()
        ],
        "islands": sorted(plan.islands),
    }


def _activation(found: QuantParams) -> dict[str, float | int]:
    low, high = covered(found)
    return {
        "scale": float(found.scale),
        "zero_point": int(found.zero_point),
        "low": low,
        "high": high,
    }
