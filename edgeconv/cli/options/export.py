"""The options of export, by group."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import typer

from edgeconv.cli.options.nets import InputSize, NetOption, Weights
from edgeconv.cli.options.output import Force


@dataclass(frozen=True)
class Model:
    """What is made of the net."""

    panel: ClassVar = "Net"

    weights: Weights = "auto"
    seed: Annotated[int, typer.Option(help="Seed of random weights.")] = 0
    net_option: NetOption = field(default_factory=list)
    classes: Annotated[
        int | None,
        typer.Option(help="Outputs of the classifier.", show_default="the net's own"),
    ] = None
    input_size: InputSize = None
    batch: Annotated[int, typer.Option(help="Images per inference.")] = 1
    fully_convolutional: Annotated[
        bool,
        typer.Option(
            "--fully-convolutional",
            help="Turn the classifier of an AlexNet or VGG into convolutions, for larger inputs.",
        ),
    ] = False
    features: Annotated[
        str | None,
        typer.Option(
            metavar="LAYER",
            help="Export a feature extractor: what this layer gives, such as features.18.",
            show_default="the net's own output",
        ),
    ] = None
    split_outputs: Annotated[
        bool,
        typer.Option(
            "--split-outputs",
            help="Give what an output is joined from (boxes, scores) as outputs of its own.",
        ),
    ] = False


@dataclass(frozen=True)
class Files:
    """Which files are written."""

    panel: ClassVar = "Files"

    int8: Annotated[bool, typer.Option("--int8", help="Write the int8 files too.")] = False
    precision: Annotated[
        str,
        typer.Option(
            help="Which files to write beside the float ones: int8 (the same as --int8), float16, "
            "weight-only-int8, dynamic-int8, int16x8; several with commas.",
            show_default=False,
        ),
    ] = ""
    formats: Annotated[
        str, typer.Option("--format", help="Which formats to write: onnx, tflite or both.")
    ] = "onnx,tflite"
    io: Annotated[
        Literal["int8", "uint8", "float32"],
        typer.Option(
            help="Ends of the int8 files: int8, the plan's own scale; uint8, raw RGB pixels in; "
            "float32, normalized floats."
        ),
    ] = "int8"


@dataclass(frozen=True)
class Quantization:
    """How the int8 files come about."""

    panel: ClassVar = "Quantization"

    calib: Annotated[
        str,
        typer.Option(help="Folder of calibration photos, or builtin for photos that come along."),
    ] = "builtin"
    calib_samples: Annotated[
        int, typer.Option(help="Most photos to calibrate on, evenly spread over the folder.")
    ] = 128
    recipe: Annotated[
        Literal["fast", "default", "thorough"],
        typer.Option(
            help="How much is done to keep int8 accurate: fast, in seconds and unmeasured; "
            "default, each step kept where it helps on held-back photos; thorough, in minutes."
        ),
    ] = "default"
    ranges: Annotated[
        Literal["mse", "minmax", "percentile"] | None,
        typer.Option(
            help="How activation ranges come from what calibration saw.",
            show_default="the recipe's choice",
        ),
    ] = None
    max_drop: Annotated[
        float | None,
        typer.Option(
            metavar="POINTS",
            help="Keep as little in float as holds the predicted drop of top-1 to this many "
            "points, predicted on calibration photos.",
            show_default="everything in int8",
        ),
    ] = None


@dataclass(frozen=True)
class Output:
    """Where the bundle goes."""

    panel: ClassVar = "Output"

    out: Annotated[
        Path | None,
        typer.Option(help="The bundle's directory.", show_default="./NET, ./NET-untrained"),
    ] = None
    force: Force = False
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the bundle's manifest as JSON, and nothing else.")
    ] = False
