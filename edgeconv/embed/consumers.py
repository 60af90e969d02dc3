"""What projects can be made for, and which files of a bundle each of them opens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from edgeconv.embed.subject import Subject
from edgeconv.errors import UnknownName, UsageError
from edgeconv.export.front_ends import LITERT_JS_TYPES
from edgeconv.runtime.open import ENGINE_OF_SUFFIX
from edgeconv.runtime.session import EngineName


@dataclass(frozen=True)
class Consumer:
    """A language or platform.

    Attributes:
        name: the word for it, and its folder of templates.
        title: as people call it.
        types: element types of inputs and outputs that each engine takes there; of an engine that
            is not there, none.
    """

    name: str
    title: str
    types: Mapping[EngineName, frozenset[str]]

    def require_opens(self, subject: Subject) -> None:
        """Raises UsageError where the file is none of those that open there."""
        types = self.types.get(subject.engine, frozenset())
        if not types:
            raise UsageError(
                f"{subject.artifact} is opened by {subject.engine}, which no project for "
                f"{self.title} uses; choose another file with --file, one that ends with "
                f"{' or '.join(self.endings)}"
            )
        if subject.preprocessing.channels == 4 and self.name != "python":
            raise UsageError(
                f"the net takes a photo's fourth channel, which no project for {self.title} reads; "
                "make one for python"
            )
        if subject.gives != "classes" and self.name not in ("web", "python"):
            raise UsageError(
                f"{subject.artifact} gives {subject.gives}, and projects for {self.title} are made "
                "for classifiers; make one for web or python"
            )
        for spec in (subject.taken, *subject.outputs):
            if spec.dtype.name not in types:
                raise UsageError(
                    f"{subject.artifact} has {spec.name} as {spec.dtype.name}, and {self.title} "
                    f"opens files of {', '.join(sorted(types))}: export the net with --io uint8, "
                    "or choose another file with --file"
                )

    @property
    def endings(self) -> list[str]:
        """Of the files that may open there."""
        known = ENGINE_OF_SUFFIX.items()
        return [suffix.removeprefix(".") for suffix, engine in known if engine in self.types]


#: Element types that projects feed and read.
_ANY = frozenset({"float32", "int8", "uint8"})

_WEB: Mapping[EngineName, frozenset[str]] = MappingProxyType(
    {"litert": _ANY.intersection(LITERT_JS_TYPES), "onnxruntime": _ANY}
)
_ALL = (
    Consumer("web", "a browser", _WEB),
    Consumer("python", "Python", {"litert": _ANY, "onnxruntime": _ANY}),
    Consumer("c", "C", {"litert": _ANY}),
    Consumer("kotlin", "Kotlin", {"litert": _ANY}),
)
CONSUMERS: Mapping[str, Consumer] = MappingProxyType({each.name: each for each in _ALL})


def consumer(name: str) -> Consumer:
    """One of them by its name; raises UnknownName."""
    if name not in CONSUMERS:
        known = ", ".join(CONSUMERS)
        raise UnknownName("kind of project", name, CONSUMERS, f"Known are {known}")
    return CONSUMERS[name]
