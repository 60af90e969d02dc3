"""edgeconv list: the nets and what is published of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from edgeconv.nets.spec import NetSpec


def list_nets(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the nets with their size, cost and published accuracy."""
    from edgeconv.nets.registry import NETS

    if as_json:
        from edgeconv.report import jsondoc

        jsondoc.show({"nets": [_document(spec) for spec in NETS.values()]})
        return
    from edgeconv.cli.shown.nets import show_nets

    show_nets(list(NETS.values()))


def _document(spec: NetSpec) -> dict[str, Any]:
    """What a machine may want to know of a net: facts with their sources, options, weights."""
    return {
        "name": spec.name,
        "family": spec.family,
        "facts": spec.facts,
        "options": {
            name: {"default": option.default, "allowed": option.describe(), "help": option.help}
            for name, option in spec.options.items()
        },
        "variants": [{"options": options, "facts": facts} for options, facts in spec.variants],
        "preprocessing": spec.preprocessing,
        "minimum_input": spec.minimum_input,
        "weights": None if spec.pretrained is None else spec.pretrained.url,
    }
