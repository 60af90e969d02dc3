"""edgeconv list: the nets and what is published of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from edgeconv.cli.options import output
from edgeconv.cli.options.groups import gathered
from edgeconv.cli.options.listed import Listed
from edgeconv.report.tables import Column, Table, Told, show

if TYPE_CHECKING:
    from edgeconv.nets.spec import Facts, NetSpec


@gathered
def list_nets(*, listed: Listed, as_json: bool = output.JSON) -> None:
    """List the nets with their size, cost and published accuracy, all or those that suit."""
    from edgeconv.nets.registry import NETS
    from edgeconv.nets.selection import Selection

    nets = Selection(**asdict(listed)).of(NETS.values())
    document = {"nets": [_document(spec) for spec in nets]}
    output.show(document, lambda: _show(nets), as_json=as_json)


def _document(spec: NetSpec) -> dict[str, Any]:
    """What a machine may want to know of a net: facts with their sources, options, weights."""
    return {
        "name": spec.name,
        "family": spec.family,
        "task": spec.task,
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


def _show(specs: Sequence[NetSpec]) -> None:
    """The registry, a line a net."""
    told: Told[NetSpec] = [
        (Column("net"), lambda net: net.name),
        (Column("family", rank=9), lambda net: net.family),
        (Column("task", rank=6), lambda net: net.task),
        (Column("parameters M", "number", rank=1), lambda net: net.facts.parameters / 1e6),
        (Column("multiply-adds M", "number", 0, 2), lambda net: net.facts.multiply_adds / 1e6),
        (Column("top-1 %", "number"), lambda net: net.facts.top1),
        (Column("top-5 %", "number", rank=5), lambda net: net.facts.top5),
        (Column("other accuracy", rank=4), lambda net: _other_accuracy(net.facts)),
        (Column("input", rank=3), lambda net: "x".join(map(str, net.preprocessing.input_size))),
        (Column("options", rank=7), lambda net: ", ".join(net.options) or None),
        (Column("accuracy stated by", rank=8), lambda net: net.facts.accuracy_stated_by or None),
    ]
    note = (
        "Published figures at default options, top-1 and top-5 on ImageNet-1k; `edgeconv list "
        "--json` says where every one of them stands, and those at other options."
    )
    show(Table.of(specs, told, notes=(note if specs else "No net suits all of that.",)))


def _other_accuracy(facts: Facts) -> str | None:
    """The first figure of another task, such as "mAP 21.3 %"; None where there is none."""
    stated = next(iter(facts.metrics.items()), None)
    return None if stated is None else f"{stated[0]} {stated[1]:g} %"
