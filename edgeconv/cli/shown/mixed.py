"""What `--max-drop` left in float, what is predicted of it, and what photos showed."""

from __future__ import annotations

from typing import Any

from edgeconv.cli.shown.bounds import what_was_seen
from edgeconv.report.console import say
from edgeconv.report.tables import Column, Table, Told, show


def show_mixed(mixed: dict[str, Any]) -> None:
    """The operators in float as they stand in a manifest, the predicted drop and the promise."""
    in_int8, exported = mixed["predicted_drop_in_int8"], mixed.get("predicted_drop")
    if not mixed["islands"]:
        say("everything is in int8" + ("" if exported is None else f": {_drop(exported)}"))
        say(_verdict(mixed["promise"]))
        return
    told: Told[dict[str, Any]] = [
        (Column("in float"), lambda island: island["node"]),
        (Column("operator", rank=1), lambda island: island["op_type"]),
        (Column("of the noise", "percent"), lambda island: island["noise_share"]),
        (Column("multiply-adds M", "number", 1, 2), lambda island: island["multiply_adds"] / 1e6),
    ]
    predicted = (("all in int8", in_int8), ("as exported", exported))
    notes = (
        f"{mixed['multiply_adds_share']:.1%} of the multiply-adds are in float",
        *(f"{of}: {_drop(drop)}" for of, drop in predicted if drop is not None),
        _verdict(mixed["promise"]),
    )
    show(Table.of(mixed["islands"], told, notes=notes))


def why_not_shown(mixed: dict[str, Any]) -> str:
    """Why a bound was not shown, and the ways on."""
    promise = mixed["promise"]
    ways = "; ".join((*_ways(promise), "allow more", "or take --precision float16"))
    return f"{_verdict(promise)}{_out_of_reach(mixed)}; {ways}"


def _verdict(promise: dict[str, Any]) -> str:
    bound = f"--max-drop {promise['at_most']:g}"
    outcome = promise["outcome"]
    if outcome is None:
        return (
            f"{bound} is NOT SHOWN: {promise['calibrated']} photos calibrated, {promise['chose']} "
            f"chose what stays in float, and so few leave none to judge by"
        )
    if "judged" in outcome:
        seen = f"{what_was_seen(outcome)}, on samples that chose nothing"
    else:
        seen = _changes(outcome)
    if promise["shown"]:
        return f"{bound} is shown ({100 * promise['confidence']:.0f} %): {seen}"
    return f"{bound} is NOT SHOWN: {seen}"


def _changes(outcome: dict[str, Any]) -> str:
    """What became of the first class of photos."""
    seen = f"of {outcome['photos']:,} photos that chose nothing, {outcome['changed']} changed top-1"
    if outcome["lost"] is not None:
        seen += f", {outcome['lost']} to wrong and {outcome['gained']} to right"
    return seen


def _out_of_reach(mixed: dict[str, Any]) -> str:
    """What stands in the way where not even the prediction is within the bound."""
    ends, bound = mixed["predicted_drop_of_the_ends"], mixed["promise"]["at_most"]
    if ends is None:
        return ""
    reason = "more in float would be no int8 net"
    if ends["at_most_points"] > bound:
        reason = f"the int8 input and output alone may cost {ends['at_most_points']:.2g}"
    return (
        f"; the predicted drop may be {mixed['predicted_drop']['at_most_points']:.2f} points with "
        f"{mixed['multiply_adds_share']:.0%} of the multiply-adds in float, and {reason}"
    )


def _ways(promise: dict[str, Any]) -> list[str]:
    """How many photos would show it, and whether labels would help."""
    fewest, needed = promise["fewest_photos"], promise["needed_photos"]
    labels = promise["of"] == "top-1 changed"
    if needed is None and "judged" in (promise["outcome"] or {}):
        return ["no number of samples would show it where so much is lost"]
    if needed is None:
        less = "without labels every change counts as lost: give --labels"
        return [
            f"no number of photos would show it where so many change ({fewest:,} at least would "
            f"where none does)",
            *([less] if labels else []),
        ]
    asked = f"give about {needed:,} photos in --calib ({fewest:,} at least, if nothing is lost)"
    return [f"{asked}, or fewer with --labels" if labels else asked]


def _drop(drop: dict[str, Any]) -> str:
    return (
        f"predicted drop {drop['points']:.2f} points, at most {drop['at_most_points']:.2f} "
        f"({100 * drop['disagreement']:.1f} % of answers changed; from {drop['photos']} photos)"
    )
