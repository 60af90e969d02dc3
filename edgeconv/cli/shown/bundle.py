"""A bundle just exported: its files, what stayed in float, and how far it agrees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgeconv.cli.shown.parity import show_stages
from edgeconv.report.console import say
from edgeconv.report.tables import Column, Table, Told, show

if TYPE_CHECKING:
    from edgeconv.export.bundle.bundle import Bundle


def show_bundle(bundle: Bundle) -> None:
    """A bundle's files and how well they agree with the reference."""
    rows = [
        (name, facts["bytes"], facts["sha256"][:12])
        for name, facts in bundle.manifest["files"].items()
    ]
    columns = (Column("file"), Column("size", "size"), Column("sha256", rank=1))
    show(Table(columns, rows, str(bundle.directory), _what_is_computed(bundle)))
    mixed = bundle.manifest.get("quantization", {}).get("mixed_precision")
    if mixed is not None:
        say()
        _show_mixed(mixed)
    say()
    show_stages(bundle.manifest["parity"]["stages"])


def _what_is_computed(bundle: Bundle) -> list[str]:
    """A line for each file whose name does not tell what its engine computes."""
    return [
        f"{facts['file']}: {facts['computes']}"
        for facts in bundle.manifest["artifacts"].values()
        if facts["precision"] not in ("float32", "int8")
    ]


def _show_mixed(mixed: dict[str, Any]) -> None:
    """The operators in float as they stand in a manifest, and the predicted drop."""
    before, after = mixed["predicted_drop_in_int8"], mixed["predicted_drop"]
    bound = f"--max-drop {mixed['max_drop_points']:g}"
    if not mixed["islands"]:
        reach = "holds" if mixed["met"] else "is missed"
        say(f"{bound} {reach} with everything in int8: {_drop(after)}")
        return
    told: Told[dict[str, Any]] = [
        (Column("in float"), lambda island: island["node"]),
        (Column("operator", rank=1), lambda island: island["op_type"]),
        (Column("of the logit noise", "percent"), lambda island: island["noise_share"]),
        (Column("multiply-adds M", "number", 1, 2), lambda island: island["multiply_adds"] / 1e6),
    ]
    notes = (
        f"{mixed['multiply_adds_share']:.1%} of the multiply-adds are in float",
        f"all in int8: {_drop(before)}",
        f"as exported: {_drop(after)}",
        f"{bound} is {'met' if mixed['met'] else 'MISSED'}",
    )
    show(Table.of(mixed["islands"], told, notes=notes))


def why_missed(mixed: dict[str, Any]) -> str:
    """What stands in the way of a bound that was not reached, and the ways out."""
    bound, ends = mixed["max_drop_points"], mixed["predicted_drop_of_the_ends"]
    reached = mixed["predicted_drop"]["at_most_points"]
    if ends["at_most_points"] > bound:
        reason = (
            f"the int8 input and output alone may cost {ends['at_most_points']:.2g}, told from "
            f"{ends['photos']} photos"
        )
    else:
        reason = "more than that would be no int8 net"
    return (
        f"--max-drop {bound:g} is out of reach: the predicted drop may be {reached:.2f} points "
        f"with {mixed['multiply_adds_share']:.0%} of the multiply-adds in float, and {reason}; "
        f"allow more, give more calibration photos, or take --precision float16"
    )


def _drop(drop: dict[str, Any]) -> str:
    return (
        f"predicted drop {drop['points']:.2f} points, at most {drop['at_most_points']:.2f} "
        f"(95 %, {drop['photos']} photos)"
    )
