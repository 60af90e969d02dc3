"""What the registry knows of a net without building it: plain data, no heavy imports."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, cast

from edgeconv.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from torch import nn

OptionValue = float | int | str | bool
LabelSet = Literal["imagenet1k", "voc", "coco"]
Task = Literal["classification", "segmentation", "detection"]


@dataclass(frozen=True)
class NetOption:
    """One choice a definition offers, such as its width.

    Attributes:
        type: the Python type of a value.
        default: the value when none is given, the paper's main net.
        help: one line for a user.
        allowed: the closed set of values, or None where `bounds` say what is allowed.
        bounds: lowest and highest value, both included.
        keeps_weights: whether weights for one value serve every other.
        minimum_input: the shortest side in pixels the net takes at any value but the default; 0:
            the option does not matter to it.
    """

    type: type[float] | type[int] | type[str] | type[bool]
    default: OptionValue
    help: str
    allowed: tuple[OptionValue, ...] | None = None
    bounds: tuple[float, float] | None = None
    keeps_weights: bool = False
    minimum_input: int = 0

    def describe(self) -> str:
        """What is allowed, in words for a message."""
        if self.allowed is not None:
            return "one of " + ", ".join(str(value) for value in self.allowed)
        if self.bounds is not None:
            return f"a number from {self.bounds[0]:g} to {self.bounds[1]:g}"
        return f"a {self.type.__name__}"

    def parse(self, name: str, value: object) -> OptionValue:
        """Turn a given value, perhaps text from a command line, into a checked one.

        Raises:
            UsageError: the value is of another type or outside what is allowed.
        """
        refusal = UsageError(f"{name}={value!r} cannot be; {name} is {self.describe()}")
        parsed = self._convert(value)
        if parsed is None or (self.allowed is not None and parsed not in self.allowed):
            raise refusal
        if self.bounds is not None:
            low, high = self.bounds
            if isinstance(parsed, str) or not low <= parsed <= high:  # NaN compares false
                raise refusal
        return parsed

    def _convert(self, value: object) -> OptionValue | None:
        if self.type is bool:
            words: dict[object, bool] = {True: True, False: False, "true": True, "false": False}
            return words.get(value) if isinstance(value, bool | str) else None
        if self.type is str:
            return value if isinstance(value, str) else None
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return None
        try:
            number = float(value)
        except (ValueError, OverflowError):
            return None
        if self.type is float:
            return number
        return int(number) if number.is_integer() else None


@dataclass(frozen=True)
class PublishedPreprocessing:
    """How the authors of a net's weights prepare a photo; `data.preprocessing` carries it out.

    Attributes:
        input_size: (height, width) in pixels of the centre crop.
        resize: pixels of the short side before the crop; "stretch": the whole photo is scaled to
            `input_size`, whatever its proportions.
        mean, std: per RGB channel, on 0..1.
        interpolation: resampling filter of the resize.
    """

    input_size: tuple[int, int] = (224, 224)
    resize: int | Literal["stretch"] = 256
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"


@dataclass(frozen=True)
class Facts:
    """Published figures of a net at its published input size, and where each stands.

    Attributes:
        parameters: learned values, BatchNorm's running statistics not counted.
        multiply_adds: of the convolutions and matrices for one photo.
        top1, top5: single-crop ImageNet-1k validation accuracy in percent; None: not published.
        paper: title and address.
        sources: attribute name, or name of a metric -> where its figure stands.
        metrics: other tasks' figures in percent, the task's own first, such as "mean IoU" or "mAP".
    """

    parameters: int
    multiply_adds: int
    top1: float | None
    top5: float | None
    paper: str
    sources: Mapping[str, str]
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def accuracy_stated_by(self) -> str | None:
        """Who states the accuracy and where, without the remarks; None: nobody does."""
        stated = "top1" if self.top1 is not None else next(iter(self.metrics), None)
        return None if stated is None else re.split(r"[,;(]", self.sources[stated])[0].strip()


@dataclass(frozen=True)
class Pretrained:
    """Weights somebody publishes for the net at its default options.

    Attributes:
        url: where the file is; its name ends in `-HASH.pth` where HASH begins its SHA-256.
        preprocessing: what the weights were evaluated with.
        license: as the publisher states it.
    """

    url: str
    preprocessing: PublishedPreprocessing
    license: str

    @property
    def file_name(self) -> str:
        """Name of the file in the cache, the last part of the address."""
        return self.url.rsplit("/", 1)[-1]

    @property
    def sha256_prefix(self) -> str:
        """First hexadecimal digits of the file's SHA-256, as its name states them."""
        match = re.search(r"-([0-9a-f]{8,64})\.[a-z]+$", self.file_name)
        if match is None:
            raise ValueError(f"{self.file_name} does not end in its hash")
        return match.group(1)


@dataclass(frozen=True)
class NetSpec:
    """A net the registry knows.

    Attributes:
        name: what a user types.
        family: groups relatives in a listing.
        factory: "module:function"; the function takes `classes` and the options by keyword.
        classifier: module path of the layer whose rows are the classes.
        facts: published figures at the default options.
        task: what the net is for.
        options: option name -> what it may be.
        variants: published figures at other options, as (options that differ, facts).
        preprocessing: of the net's paper or of its best known weights.
        pretrained: downloadable weights, or None where nobody publishes them for this definition.
        minimum_input: the shortest side in pixels at which every layer still sees something;
            options may ask for more, see `minimum_for`.
        classes: how many it tells apart where neither weights nor the user say.
        fewest_classes: that the net can have.
        classifier_rows: of that layer for each class, a detector's boxes at one place.
        labels: names of the classes where there are as many as the set has; None: not known.
    """

    name: str
    family: str
    factory: str
    classifier: str
    facts: Facts
    task: Task = "classification"
    options: Mapping[str, NetOption] = field(default_factory=lambda: MappingProxyType({}))
    variants: tuple[tuple[Mapping[str, OptionValue], Facts], ...] = ()
    preprocessing: PublishedPreprocessing = PublishedPreprocessing()
    pretrained: Pretrained | None = None
    minimum_input: int = 32
    classes: int = 1000
    fewest_classes: int = 1
    classifier_rows: int = 1
    labels: LabelSet | None = "imagenet1k"

    def defaults(self) -> dict[str, OptionValue]:
        """Every option at its default."""
        return {name: option.default for name, option in self.options.items()}

    def resolve_options(self, given: Mapping[str, Any]) -> dict[str, OptionValue]:
        """Check the options given and fill in the rest.

        Raises:
            UnknownName: the net has no such option.
            UsageError: a value is not allowed.
        """
        resolved = self.defaults()
        for name, value in given.items():
            if name not in self.options:
                offered = ", ".join(self.options) or "none"
                hint = f"{self.name} has these options: {offered}"
                raise UnknownName(f"option of {self.name}", name, self.options, hint)
            resolved[name] = self.options[name].parse(name, value)
        return resolved

    def facts_for(self, options: Mapping[str, OptionValue]) -> Facts | None:
        """Published figures at these options, or None where none are published."""
        resolved = self.resolve_options(options)
        for differing, facts in (({}, self.facts), *self.variants):
            if resolved == {**self.defaults(), **differing}:
                return facts
        return None

    def minimum_for(self, options: Mapping[str, OptionValue]) -> int:
        """The shortest side in pixels the net takes at these options."""
        asked = (self.options[name].minimum_input for name in self.asking_for_more(options))
        return max((self.minimum_input, *asked))

    def require_size(self, size: tuple[int, int], options: Mapping[str, OptionValue]) -> None:
        """Raises UsageError where (height, width) in pixels is too small at these options."""
        smallest = self.minimum_for(options)
        if min(size) < smallest:
            asking = [f"{name}={options[name]}" for name in self.asking_for_more(options)]
            title = " with ".join([self.name, *asking])
            raise UsageError(
                f"{title} cannot take {size[0]} x {size[1]} pixels; each side must be at least "
                f"{smallest}"
            )

    def asking_for_more(self, options: Mapping[str, OptionValue]) -> list[str]:
        """Names of the options whose values need larger inputs than the net's default."""
        return [
            name
            for name, option in self.options.items()
            if option.minimum_input and options.get(name, option.default) != option.default
        ]

    def require_classes(self, classes: int) -> None:
        """Raises UsageError where the net cannot tell so few classes apart."""
        if classes < self.fewest_classes:
            raise UsageError(
                f"{self.name} cannot have {classes} classes; it counts the background as one, so "
                f"{self.fewest_classes} are the fewest"
            )

    def build(self, classes: int, options: Mapping[str, OptionValue]) -> nn.Module:
        """Import the definition and build it, with fresh values from torch's generator."""
        module_name, _, function = self.factory.partition(":")
        factory = cast(
            "Callable[..., nn.Module]", getattr(importlib.import_module(module_name), function)
        )
        return factory(classes=classes, **options)
