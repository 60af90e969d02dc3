"""edgeconv export: from a net to a verified bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Optional

import typer

from edgeconv.cli import arguments
from edgeconv.verify.thresholds import DEFAULTS, Thresholds


def export(
    net: Annotated[
        str,
        typer.Argument(
            help="A net's name (`edgeconv list`), or path/to/net.py:factory, "
            "or package.module:factory.",
            show_default=False,
        ),
    ],
    int8: Annotated[bool, typer.Option("--int8", help="Write the int8 files too.")] = False,
    precision: Annotated[
        str,
        typer.Option(
            help="Which files to write beside the float ones: int8 (the same as --int8), float16, "
            "weight-only-int8, dynamic-int8, int16x8; several with commas.",
            show_default=False,
        ),
    ] = "",
    weights: Annotated[
        str,
        typer.Option(
            help="auto: published weights, or an untrained bundle where they can't be had; "
            "pretrained: published weights or exit 3; random: seeded; "
            "or a .safetensors, .pth or .pt FILE."
        ),
    ] = "auto",
    formats: Annotated[
        str, typer.Option("--format", help="Which formats to write: onnx, tflite or both.")
    ] = "onnx,tflite",
    input_size: Annotated[
        Optional[str],  # noqa: UP045 - typer reads the annotation at run time
        typer.Option(help="Input side in pixels, or HEIGHTxWIDTH.", show_default="the net's own"),
    ] = None,
    batch: Annotated[int, typer.Option(help="Images per inference.")] = 1,
    net_option: Annotated[
        list[str],
        typer.Option(help="Option of the net's definition, such as width=0.75; repeatable."),
    ] = [],  # noqa: B006 - typer copies it
    classes: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(help="Outputs of the classifier.", show_default="the net's own"),
    ] = None,
    fully_convolutional: Annotated[
        bool,
        typer.Option(
            "--fully-convolutional",
            help="Turn the classifier of an AlexNet or VGG into convolutions, for larger inputs.",
        ),
    ] = False,
    features: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="Export a feature extractor: what this layer gives, such as features.18.",
            show_default="the net's own output",
        ),
    ] = None,
    split_outputs: Annotated[
        bool,
        typer.Option(
            "--split-outputs",
            help="Give what an output is joined from (boxes, scores) as outputs of its own.",
        ),
    ] = False,
    calib: Annotated[
        str,
        typer.Option(help="Folder of calibration photos, or builtin for photos that come along."),
    ] = "builtin",
    calib_samples: Annotated[
        int, typer.Option(help="Most photos to calibrate on, evenly spread over the folder.")
    ] = 128,
    recipe: Annotated[
        Literal["fast", "default", "thorough"],
        typer.Option(
            help="How much is done to keep int8 accurate: fast, in seconds and unmeasured; "
            "default, each step kept where it helps on held-back photos; thorough, in minutes."
        ),
    ] = "default",
    ranges: Annotated[
        Optional[Literal["mse", "minmax", "percentile"]],  # noqa: UP045
        typer.Option(
            help="How activation ranges come from what calibration saw.",
            show_default="the recipe's choice",
        ),
    ] = None,
    max_drop: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(
            help="Keep as little in float as holds the predicted drop of top-1 to this many "
            "points, predicted on calibration photos.",
            show_default="everything in int8",
        ),
    ] = None,
    io: Annotated[
        Literal["int8", "uint8", "float32"],
        typer.Option(
            help="Ends of the int8 files: int8, the plan's own scale; uint8, raw RGB pixels in; "
            "float32, normalized floats."
        ),
    ] = "int8",
    seed: Annotated[int, typer.Option(help="Seed of random weights.")] = 0,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="The bundle's directory.", show_default="./NET, ./NET-untrained"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a bundle that is there.")] = False,
    float_error: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(
            help="Largest error of the float files, as a share of the largest logit.",
            show_default="1e-5; 1e-4 past 50 layers",
        ),
    ] = None,
    int8_sqnr_db: Annotated[
        float, typer.Option(help="Least logit SQNR of the int8 files against float, in dB.")
    ] = DEFAULTS.int8_sqnr_db,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the bundle's manifest as JSON.")
    ] = False,
) -> None:
    """Export NET to ONNX and TFLite, float and int8, and check every file against PyTorch.

    Exits 1 where a file misses its threshold, or the drop its bound; the bundle is written all the
    same and says so.
    """
    size = arguments.input_size(input_size)
    options_of_net = arguments.net_options(net_option)
    formats_wanted = arguments.words("--format", formats)
    precisions = arguments.words("--precision", precision) if precision else ()
    if fully_convolutional:
        options_of_net["fully_convolutional"] = True
    from edgeconv.cli.drawing import Drawn
    from edgeconv.errors import ThresholdMissed
    from edgeconv.export.options import ExportOptions
    from edgeconv.export.preflight import check_request

    options = ExportOptions(
        int8=int8,
        precisions=precisions,  # type: ignore[arg-type]  # checked there
        weights=weights,
        net_options=options_of_net,
        features=features,
        split_outputs=split_outputs,
        formats=formats_wanted,  # type: ignore[arg-type]  # checked there
        input_size=size,
        batch=batch,
        calib=None if calib == "builtin" else Path(calib),
        calib_samples=calib_samples,
        recipe=recipe,
        ranges=ranges,
        max_drop=max_drop,
        io=io,
        classes=classes,
        seed=seed,
        thresholds=Thresholds.of(float_error=float_error, int8_sqnr_db=int8_sqnr_db),
    )
    check_request(net, options, out, force=force)  # before PyTorch is started
    with Drawn() as progress:
        progress.step("start PyTorch")
        from edgeconv.export.pipeline import export_bundle

        bundle = export_bundle(net, options, out=out, force=force, progress=progress)
    if as_json:
        from edgeconv.report import jsondoc

        jsondoc.show(bundle.manifest)
    else:
        from edgeconv.cli.shown.bundle import show_bundle

        show_bundle(bundle)
    if not bundle.parity_passed:
        missed = bundle.manifest["parity"]["failed"]
        raise ThresholdMissed(f"parity missed its threshold: {'; '.join(missed)}")
    mixed = bundle.manifest.get("quantization", {}).get("mixed_precision")
    if mixed is not None and not mixed["met"]:
        from edgeconv.cli.shown.mixed import why_missed

        raise ThresholdMissed(why_missed(mixed))
