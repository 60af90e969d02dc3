"""edgeconv list: the nets and what is published of them."""

from __future__ import annotations

from typing import Annotated

import typer


def list_nets(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the nets with their size, cost and published accuracy."""
    from edgeconv.nets.registry import NETS

    if as_json:
        from edgeconv.report import jsondoc

        jsondoc.show({"nets": [spec.to_json() for spec in NETS.values()]})
        return
    from edgeconv.cli.shown import show_nets

    show_nets(list(NETS.values()))
