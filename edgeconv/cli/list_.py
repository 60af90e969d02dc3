"""edgeconv list: the nets and what is published of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgeconv.cli.options.output import JSON, show
from edgeconv.cli.shown.nets import show_nets

if TYPE_CHECKING:
    from edgeconv.nets.spec import NetSpec


def list_nets(as_json: bool = JSON) -> None:
    """List the nets with their size, cost and published accuracy."""
    from edgeconv.nets.registry import NETS

    nets = list(NETS.values())
    document = {"nets": [_document(spec) for spec in nets]}
    show(document, lambda: show_nets(nets), as_json=as_json)


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
