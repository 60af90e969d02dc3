"""What a user may ask of an export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from edgeconv.data.formula import Io
from edgeconv.data.stated import Stated
from edgeconv.errors import UnknownName, UsageError
from edgeconv.export.front_ends import FRONT_ENDS, FrontEndName
from edgeconv.quantize.plan.precision import PRECISION_NAMES, PrecisionName
from edgeconv.quantize.plan.ranges import RangeMethod
from edgeconv.quantize.recipe.recipes import RECIPE_NAMES, RecipeName
from edgeconv.verify.tasks.prepare import TaskName, TaskRequest, require_bound
from edgeconv.verify.thresholds import DEFAULTS, Thresholds

Format = Literal["onnx", "tflite"]
FORMATS: tuple[Format, ...] = get_args(Format)
IOS: tuple[Io, ...] = get_args(Io)
RANGE_METHODS: tuple[RangeMethod, ...] = get_args(RangeMethod)

_LARGEST_BATCH = 1024


@dataclass(frozen=True)
class ExportOptions:
    """What to export and how; the defaults are the command line's.

    Attributes:
        int8: whether to write the int8 files too; short for "int8" among `precisions`.
        precisions: which files to write beside the float32 ones.
        weights: "auto", "pretrained", "random", or the path of a weights file.
        net_options: options of the net's definition, such as {"width": 0.75}.
        formats: which of the two formats to write.
        input_size: (height, width) in pixels; None takes the weights' or the net's own.
        batch: images per inference; part of the static shape.
        calib: folder of calibration photos; None takes the built-in ones.
        golden_from_calib: whether the bundle holds photos of that folder, instead of built-in ones:
            who gets the bundle sees them.
        calib_samples: most photos to calibrate on, evenly spread over the folder.
        recipe: which steps are taken to keep int8 accurate.
        ranges: how activation ranges come from what was observed; None leaves it to the recipe.
        max_drop: most points of top-1 the int8 files may lose, or answers change where there are no
            labels, as shown on photos of `calib` that chose nothing; operators stay in float for
            it. None keeps everything in int8.
        labels: of the photos of `calib`, for `max_drop`: a CSV, or that folder itself, whose
            sub-folders are the classes; of another `task`, what it has. None takes the photos
            without labels.
        task: what `max_drop` is of, as `eval` judges it, in the unit of its loss; None is classes.
        output: which output it judges; None the first.
        decode: how it reads boxes or points from the outputs: a TOML, or FILE.py:function.
        io: type at the ends of the int8 files; under "uint8" float32 and float16 files take raw
            pixels too.
        softmax: whether a classifier's files give probabilities in place of logits.
        front_end: what must open every file; `front_ends.OPTIONS_FOR` has what goes with it.
        classes: number of outputs of the classifier; None takes the net's own.
        features: path of a layer whose output the bundle gives instead of the net's own.
        split_outputs: whether what an output is joined from becomes outputs of its own.
        stated: what the user says of the net's input and classes.
        seed: of random weights.
        thresholds: when parity counts as passed.
    """

    int8: bool = False
    precisions: tuple[PrecisionName, ...] = ()
    weights: str = "auto"
    net_options: Mapping[str, Any] = field(default_factory=dict)
    formats: tuple[Format, ...] = FORMATS
    input_size: tuple[int, int] | None = None
    batch: int = 1
    calib: Path | None = None
    golden_from_calib: bool = False
    calib_samples: int = 128
    recipe: RecipeName = "default"
    ranges: RangeMethod | None = None
    max_drop: float | None = None
    labels: Path | None = None
    task: TaskName | None = None
    output: str | None = None
    decode: str | None = None
    io: Io = "int8"
    softmax: bool = False
    front_end: FrontEndName | None = None
    classes: int | None = None
    features: str | None = None
    split_outputs: bool = False
    stated: Stated = field(default_factory=Stated)
    seed: int = 0
    thresholds: Thresholds = DEFAULTS

    def __post_init__(self) -> None:
        """Raises UsageError where a value is outside of what is allowed."""
        if not self.formats:
            raise UsageError("no format is asked for; --format takes onnx, tflite or onnx,tflite")
        for name in self.formats:
            _check_known("format", name, FORMATS)
        for precision in self.precisions:
            _check_known("precision", precision, PRECISION_NAMES)
        _check_known("io type", self.io, IOS)
        _check_known("recipe", self.recipe, RECIPE_NAMES)
        if self.ranges is not None:
            _check_known("range method", self.ranges, RANGE_METHODS)
        if not 1 <= self.batch <= _LARGEST_BATCH:
            raise UsageError(f"batch is {self.batch}; 1 to {_LARGEST_BATCH} are allowed")
        if not -(2**63) <= self.seed < 2**63:
            raise UsageError(f"seed is {self.seed}, which is no number of 64 bits")
        if self.calib_samples < 1:
            raise UsageError(f"calib-samples is {self.calib_samples}; at least 1 is needed")
        if self.golden_from_calib and self.calib is None:
            raise UsageError(
                "--golden-from-calib puts photos of your own folder into the bundle; name the "
                "folder with --calib DIR"
            )
        self._check_bound()
        others = set(self.precisions) - {"int8", "float16"}
        if self.io == "uint8" and others:
            raise UsageError(
                f"--io uint8 is of float32, float16 and int8 files, {', '.join(sorted(others))} "
                "takes normalized floats; export them apart"
            )
        if self.io == "float32" and not self.wants("int8") and self.front_end is None:
            raise UsageError("--io float32 is of the int8 files; add --int8")
        if self.front_end is not None:
            _check_known("front end", self.front_end, FRONT_ENDS)
            self._check_micro()
        if self.softmax and self.features is not None:
            raise UsageError(
                "--softmax is of a net's classes, --features gives a layer; leave one out"
            )

    def _check_micro(self) -> None:
        if self.front_end == "micro" and not ("tflite" in self.formats and self.wants("int8")):
            raise UsageError("--for micro is of the int8 TFLite file; add --int8 --format tflite")

    def _check_bound(self) -> None:
        if self.max_drop is None:
            if self.task or self.output or self.decode:
                raise UsageError(
                    "--task, --output and --decode say what --max-drop is of; add --max-drop NUMBER"
                )
            return
        require_bound(self.max_drop)
        if self.judged_task is None and self.max_drop > 100:
            raise UsageError(f"--max-drop {self.max_drop:g}: above 0 and up to 100 points")
        if not self.wants("int8"):
            raise UsageError("--max-drop is of the int8 files; add --int8")
        if self.judged_task is not None and self.calib is None:
            raise UsageError(
                f"--max-drop of --task {self.task} is judged on photos or tensors of your own; "
                "add --calib DIR"
            )

    @property
    def judged_task(self) -> TaskRequest | None:
        """The task that `max_drop` is of; None where there is none, or where it is classes.

        Raises:
            UsageError: an option of it is missing, or is none of its.
        """
        if self.max_drop is None:
            return None
        request = TaskRequest(self.task or "classification", self.labels, self.output, self.decode)
        return None if request.task == "classification" else request

    @property
    def is_calibrated(self) -> bool:
        """Whether files are asked for whose numbers come from calibration photos."""
        return any(self.wants(name) for name in PRECISION_NAMES if name != "float16")

    def wants(self, precision: PrecisionName) -> bool:
        """Whether files of a precision are asked for."""
        return precision in self.precisions or (precision == "int8" and self.int8)


def _check_known(kind: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise UnknownName(kind, name, known, f"Allowed: {', '.join(known)}")
