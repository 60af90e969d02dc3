"""How a verb is added to the command line: its help in paragraphs, and two examples below it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import typer
from typer.core import TyperCommand

from edgeconv.cli.project import name_of
from edgeconv.cli.shown.project import from_project, show_options
from edgeconv.errors import UsageError

#: Two of each verb, as one would type them behind its name.
EXAMPLES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "list": ("", "--max-macs 400 --min-top1 70 --sort top1"),
        "export": (
            "mobilenet_v2 --int8",
            "net.py:build --weights w.safetensors --int8 --calib photos",
        ),
        "parity": ("mobilenet_v2", "mobilenet_v2 --device rpi4 --host 10.0.0.7 --json"),
        "predict": ("mobilenet_v2 cat.jpg", "mobilenet_v2 cat.jpg dog.jpg --file onnx --top 3"),
        "eval": (
            "mobilenet_v2 --data photos",
            "model.tflite --data photos --labels labels.csv",
        ),
        "bench": ("mobilenet_v2 --threads 1,4", "mobilenet_v2 --device rpi4 --json-file a.json"),
        "compare": ("a.json b.json", "a.json b.json --fail-above 5%"),
        "inspect": ("mobilenet_v2", "model.tflite --json"),
        "explain": ("photo.jpg --net mobilenet_v2", "photo.jpg --net resnet18 --bundle resnet18"),
        "diagnose": ("mobilenet_v2", "mobilenet_v2 --html diagnosis.html"),
        "audit": ("model.tflite", "model.tflite --require int8"),
        "sweep": ("sweep.toml", "sweep.toml --out results --dry-run"),
        "report": (
            "results --html report.html",
            "results --baseline old.json --fail-above 5% --fail-drop 0.5",
        ),
        "embed": ("mobilenet_v2 --as python", "mobilenet_v2 --as python --file int8.onnx --check"),
        "doctor": ("", "--json"),
        "devices list": ("", "--json"),
        "devices check": ("local", "rpi4 --host 10.0.0.7"),
        "devices start": ("rpi4-emulated", "android-emulated"),
        "devices stop": ("rpi4-emulated", "android-emulated"),
    }
)


class Verb(TyperCommand):
    """A command that says where its options come from, and which of them were wrong in a file.

    It shows `--help` under its last heading where all its options have one.
    """

    def make_context(self, *arguments: Any, **keywords: Any) -> Any:
        """Typer's; a wrong value of the project's is called so."""
        try:
            return super().make_context(*arguments, **keywords)
        except typer.BadParameter as error:
            if error.ctx is not None and error.param in from_project(error.ctx):
                error.message += f" It stands in {error.ctx.find_root().obj.path}."
            raise

    def invoke(self, ctx: Any) -> Any:
        """Typer's, or what it would be run with where that is asked."""
        if ctx.find_root().params.get("show_config"):
            return show_options(ctx)
        try:
            return super().invoke(ctx)
        except UsageError as error:
            error.args += tuple(_of_the_project(ctx, str(error.args[0]) if error.args else ""))
            raise

    def get_help_option(self, ctx: Any) -> Any:
        """Typer's, with its heading."""
        option = super().get_help_option(ctx)
        options = [one for one in self.params if one.param_type_name == "option"]
        if option is not None and options:
            headings = [getattr(one, "rich_help_panel", None) for one in options]
            option.rich_help_panel = headings[-1] if all(headings) else None
        return option


def _of_the_project(context: Any, words: str) -> list[str]:
    """A line for each option that an error names and the project's file has."""
    names = [name_of(option) for option in from_project(context)]
    return [
        f"{name} stands in {context.find_root().obj.path}"
        for name in names
        if re.search(rf"{name}(?![\w-])", words)
    ]


def examples(words: str) -> list[str]:
    """Of the verb with these words, such as "devices list"."""
    return [f"edgeconv {words} {rest}".rstrip() for rest in EXAMPLES[words]]


def add(app: typer.Typer, words: str, verb: Callable[..., None]) -> None:
    """Adds a verb by its words, such as "devices list"; its docstring is its help."""
    paragraphs = [" ".join(paragraph.split()) for paragraph in (verb.__doc__ or "").split("\n\n")]
    app.command(
        words.rpartition(" ")[2],
        cls=Verb,
        help="\n\n".join(paragraphs).strip(),
        epilog="\n\n".join(("Examples:", *examples(words))),
    )(verb)
