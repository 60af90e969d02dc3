"""Which nets of the registry suit, by what is published of them, and in which order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from edgeconv.errors import UnknownName, UsageError
from edgeconv.nets.spec import NetSpec

#: A word to sort by -> its key; the best net first, one without the figure last.
ORDERS: Mapping[str, Callable[[NetSpec], float | str]] = MappingProxyType(
    {
        "name": lambda net: net.name,
        "params": lambda net: net.facts.parameters,
        "macs": lambda net: net.facts.multiply_adds,
        "top1": lambda net: math.inf if net.facts.top1 is None else -net.facts.top1,
    }
)


@dataclass(frozen=True)
class Selection:
    """What is asked of a net; None asks nothing.

    Attributes:
        family, task: as `NetSpec` has them.
        max_params: the most parameters, in millions.
        max_macs: the most multiply-adds for one photo, in millions.
        min_top1: the least top-1 accuracy, in percent; a net of which none is published has less.
        order: a word of `ORDERS`; None: as the registry has them.
    """

    family: str | None = None
    task: str | None = None
    max_params: float | None = None
    max_macs: float | None = None
    min_top1: float | None = None
    order: str | None = None

    def of(self, nets: Iterable[NetSpec]) -> list[NetSpec]:
        """Those that suit, by their figures at default options.

        Raises:
            UnknownName: no net is of such a family or task.
            UsageError: a bound is no positive number.
        """
        known = list(nets)
        self._check(known)
        chosen = [net for net in known if self._suits(net)]
        return chosen if self.order is None else sorted(chosen, key=ORDERS[self.order])

    def _check(self, nets: list[NetSpec]) -> None:
        for kind in ("family", "task"):
            word = getattr(self, kind)
            names = list(dict.fromkeys(getattr(net, kind) for net in nets))
            if word is not None and word not in names:
                raise UnknownName(kind, word, names, f"There are: {', '.join(names)}")
        for name in ("max_params", "max_macs", "min_top1"):
            bound = getattr(self, name)
            if bound is not None and not 0 <= bound < math.inf:  # NaN compares false
                raise UsageError(f"--{name.replace('_', '-')} {bound:g} is no bound; 0 or more is")

    def _suits(self, net: NetSpec) -> bool:
        facts, most = net.facts, math.inf
        return (
            self.family in (None, net.family)
            and self.task in (None, net.task)
            and facts.parameters <= 1e6 * (most if self.max_params is None else self.max_params)
            and facts.multiply_adds <= 1e6 * (most if self.max_macs is None else self.max_macs)
            and (self.min_top1 is None or (facts.top1 or 0) >= self.min_top1)
        )
