"""How a verb is added to the command line: its help in paragraphs, and two examples below it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import typer
from typer.core import TyperCommand

#: Two of each verb, as one would type them.
EXAMPLES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "list": ("edgeconv list", "edgeconv list --json"),
        "export": (
            "edgeconv export mobilenet_v2 --int8",
            "edgeconv export net.py:build --weights w.safetensors --int8 --calib photos",
        ),
        "parity": (
            "edgeconv parity mobilenet_v2",
            "edgeconv parity mobilenet_v2 --device rpi4 --host 10.0.0.7 --junit parity.xml",
        ),
        "eval": (
            "edgeconv eval mobilenet_v2 --data photos",
            "edgeconv eval model.tflite --data photos --labels labels.csv",
        ),
        "bench": (
            "edgeconv bench mobilenet_v2 --threads 1,4",
            "edgeconv bench mobilenet_v2 --device rpi4 --json-file after.json",
        ),
        "compare": (
            "edgeconv compare before.json after.json",
            "edgeconv compare before.json after.json --fail-above 5%",
        ),
        "inspect": ("edgeconv inspect mobilenet_v2", "edgeconv inspect model.tflite"),
        "explain": (
            "edgeconv explain photo.jpg --net mobilenet_v2",
            "edgeconv explain photo.jpg --net mobilenet_v2 --bundle mobilenet_v2",
        ),
        "diagnose": (
            "edgeconv diagnose mobilenet_v2",
            "edgeconv diagnose mobilenet_v2 --html diagnosis.html",
        ),
        "audit": ("edgeconv audit model.tflite", "edgeconv audit model.tflite --require int8"),
        "devices list": ("edgeconv devices list", "edgeconv devices list --json"),
        "devices check": (
            "edgeconv devices check local",
            "edgeconv devices check rpi4 --host 10.0.0.7",
        ),
        "devices start": (
            "edgeconv devices start rpi4-emulated",
            "edgeconv devices start android-emulated",
        ),
        "devices stop": (
            "edgeconv devices stop rpi4-emulated",
            "edgeconv devices stop android-emulated",
        ),
    }
)


class Verb(TyperCommand):
    """A command that shows `--help` under its last heading where all its options have one."""

    def get_help_option(self, ctx: Any) -> Any:
        """Typer's, with its heading."""
        option = super().get_help_option(ctx)
        options = [one for one in self.params if one.param_type_name == "option"]
        if option is not None and options:
            headings = [getattr(one, "rich_help_panel", None) for one in options]
            option.rich_help_panel = headings[-1] if all(headings) else None
        return option


def add(app: typer.Typer, words: str, verb: Callable[..., None]) -> None:
    """Adds a verb by its words, such as "devices list"; its docstring is its help."""
    paragraphs = [" ".join(paragraph.split()) for paragraph in (verb.__doc__ or "").split("\n\n")]
    app.command(
        words.rpartition(" ")[2],
        cls=Verb,
        help="\n\n".join(paragraphs).strip(),
        epilog="\n\n".join(("Examples:", *EXAMPLES[words])),
    )(verb)
