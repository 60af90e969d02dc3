"""The options of export, by group."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import typer

from edgeconv.cli.options import arguments, nets, output
from edgeconv.errors import UsageError
from edgeconv.verify.tasks.prepare import TaskName

if TYPE_CHECKING:
    from edgeconv.data.stated import Stated
    from edgeconv.nets.stated_file import StatedFile


@dataclass(frozen=True)
class Model:
    """What is made of the net."""

    panel: ClassVar = "Net"

    weights: str = nets.WEIGHTS
    seed: int = typer.Option(0, help="Seed of random weights.")
    net_option: list[str] = nets.NET_OPTION
    classes: int | None = typer.Option(
        None, help="Outputs of the classifier.", show_default="the net's own"
    )
    input_size: str | None = nets.INPUT_SIZE
    batch: int = typer.Option(1, help="Images per inference.")
    fully_convolutional: bool = typer.Option(
        False,
        "--fully-convolutional",
        help="Turn the classifier of an AlexNet or VGG into convolutions, for larger inputs.",
    )
    features: str | None = typer.Option(
        None,
        metavar="LAYER",
        help="Export a feature extractor: what this layer gives, such as features.18.",
        show_default="the net's own output",
    )
    split_outputs: bool = typer.Option(
        False,
        "--split-outputs",
        help="Give what an output is joined from (boxes, scores) as outputs of its own.",
    )


@dataclass(frozen=True)
class Input:
    """How a photo becomes the net's input, where the net does not say it."""

    panel: ClassVar = "Input"

    mean: str | None = typer.Option(
        None,
        metavar="R,G,B",
        help="Mean of each channel, on 0..1 RGB. An ONNX file needs it.",
        show_default="the net's own",
    )
    std: str | None = typer.Option(
        None,
        metavar="R,G,B",
        help="Standard deviation of each channel, likewise.",
        show_default="the net's own",
    )
    resize: str | None = typer.Option(
        None,
        metavar="PIXELS",
        help="Pixels the photo's short side is scaled to before the centre is cut out; stretch: "
        "the whole photo is scaled to the input's size.",
        show_default="the net's own",
    )
    interpolation: Literal["bilinear", "bicubic"] | None = typer.Option(
        None, help="Filter of that.", show_default="the net's own, bilinear"
    )
    label_names: Path | None = typer.Option(
        None,
        metavar="FILE",
        help="Names of the classes, a line each, in the order of the output.",
        show_default="the net's own",
    )
    preprocessing: Path | None = typer.Option(
        None,
        metavar="TOML",
        help="File that says the same, by the keys input_size, mean, std, resize, interpolation "
        "and labels; an option beside it counts before it.",
        show_default="the net's own",
    )

    def file(self) -> StatedFile:
        """What the file says; raises as `read_stated`."""
        from edgeconv.nets.stated_file import StatedFile, read_stated

        return StatedFile() if self.preprocessing is None else read_stated(self.preprocessing)

    def stated(self, said: Stated) -> Stated:
        """As the exporter takes it; raises UsageError where a word is wrong.

        Args:
            said: by the file.
        """
        given: dict[str, Any] = {
            "mean": arguments.channels("--mean", self.mean),
            "std": arguments.channels("--std", self.std),
            "resize": arguments.resize("--resize", self.resize),
            "interpolation": self.interpolation,
            "labels": None if self.label_names is None else _labels(self.label_names),
        }
        return replace(said, **{name: one for name, one in given.items() if one is not None})


def _labels(path: Path) -> tuple[str, ...]:
    from edgeconv.nets.labels import read_labels

    try:
        return read_labels(path)
    except FileNotFoundError:
        raise UsageError(f"--label-names {path}: there is no such file") from None


@dataclass(frozen=True)
class Files:
    """Which files are written."""

    panel: ClassVar = "Files"

    int8: bool = typer.Option(False, "--int8", help="Write the int8 files too.")
    precision: str = typer.Option(
        "",
        help="Which files to write beside the float ones: int8 (the same as --int8), float16, "
        "weight-only-int8, dynamic-int8, int16x8; several with commas.",
    )
    formats: str | None = typer.Option(
        None,
        "--format",
        help="Which formats to write: onnx, tflite or both.",
        show_default="onnx,tflite",
    )
    for_: Literal["mediapipe", "litert-js", "onnxruntime-web", "micro"] | None = typer.Option(
        None,
        "--for",
        help="Give the files the format and the ends that this opens, and refuse a net whose files "
        "it would not.",
        show_default="every engine",
    )
    io: Literal["int8", "uint8", "float32"] | None = typer.Option(
        None,
        show_default="int8",
        help="Ends of the int8 files: int8, the plan's own scale; uint8, raw RGB pixels in, of the "
        "float files too; float32, normalized floats.",
    )
    softmax: bool = typer.Option(
        False, "--softmax", help="Give a classifier's probabilities in place of its logits."
    )


@dataclass(frozen=True)
class Quantization:
    """How the int8 files come about."""

    panel: ClassVar = "Quantization"

    calib: str = typer.Option(
        "builtin",
        help="Folder of photos to calibrate on, or builtin for photos that come along; of .npy or "
        ".npz files for a net that takes tensors. Up to 8 of the folder are held back to judge the "
        "files; photos stay on this machine.",
    )
    golden_from_calib: bool = typer.Option(
        False,
        "--golden-from-calib",
        help="Put the photos of --calib that judge the files into the bundle, in place of photos "
        "that come along. Whoever gets the bundle sees them.",
    )
    calib_samples: int = typer.Option(
        128, help="Most photos to calibrate on, evenly spread over the folder."
    )
    recipe: Literal["fast", "default", "thorough"] = typer.Option(
        "default",
        help="How much is done to keep int8 accurate: fast, two steps in seconds; default, some "
        "more; thorough, in minutes. Each step is kept where it helps on held-back photos.",
    )
    ranges: Literal["mse", "minmax", "percentile"] | None = typer.Option(
        None,
        help="How activation ranges come from what calibration saw.",
        show_default="the recipe's choice",
    )
    max_drop: float | None = typer.Option(
        None,
        metavar="NUMBER",
        help="Keep as little in float as holds the drop of top-1 to this many points, shown with "
        "95 % confidence on photos of --calib held back from all else; without --labels every "
        "changed answer counts as lost. With --task in that task's own unit, as in eval. Exits 1 "
        "where the photos do not show it.",
        show_default="everything in int8",
    )
    labels: Path | None = typer.Option(
        None,
        metavar="CSV|DIR",
        help="Labels of the --calib photos for --max-drop: a CSV with the columns file and label, "
        "or the same folder again, whose sub-folders are the classes (or DIR.csv beside it); of "
        "another --task, what eval takes.",
        show_default="no labels",
    )
    task: TaskName | None = typer.Option(
        None,
        metavar="TASK",
        help="What --max-drop is of, as eval judges it: agreement, segmentation, detection, "
        "keypoints, regression or embeddings.",
        show_default="classification",
    )
    output: str | None = typer.Option(
        None, metavar="NAME", help="Which output --task judges.", show_default="the first"
    )
    decode: str | None = typer.Option(
        None,
        metavar="FILE",
        help="How --task reads boxes or points from the outputs: a TOML, or FILE.py:function.",
    )


@dataclass(frozen=True)
class Output:
    """Where the bundle goes."""

    panel: ClassVar = "Output"

    out: Path | None = typer.Option(
        None, help="The bundle's directory.", show_default="./NET, ./NET-untrained"
    )
    force: bool = output.FORCE
    as_json: bool = output.JSON
