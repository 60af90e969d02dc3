"""edgeconv predict: what a file of a bundle makes of photos."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from edgeconv.cli.bundles import bundle_directory
from edgeconv.cli.options import complete, output
from edgeconv.errors import UsageError
from edgeconv.runtime.memory import within_free_memory

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgeconv.bundle.bundle import Bundle
    from edgeconv.bundle.predictor import Class, Predictor
    from edgeconv.report.tables import Table


@within_free_memory()
def predict(
    bundle: str = typer.Argument(
        help="A bundle's directory, or the name of a net exported here.",
        autocompletion=complete.bundle,
    ),
    samples: list[Path] = typer.Argument(
        metavar="PHOTO", help="Photos; .npy or .npz files where the net takes tensors."
    ),
    file: str | None = typer.Option(
        None,
        help="Which file of the bundle, such as onnx.",
        show_default="the first there is of int8.tflite, tflite, int8.onnx, onnx",
    ),
    top: int = typer.Option(5, min=1, help="How many classes are told of a photo."),
    threads: int = typer.Option(1, min=1, help="Threads of the engine."),
    as_json: bool = output.JSON,
) -> None:
    """Run a file of BUNDLE on photos and tell the most probable classes.

    Photos are decoded, turned upright, scaled, cut and normalized as the bundle says. Of nets that
    give no row of classes, each output is told by its shape and its values' range.
    """
    from edgeconv.bundle.artifacts import by_preference
    from edgeconv.bundle.bundle import Bundle, require_artifacts
    from edgeconv.runtime.session import SessionOptions

    opened = Bundle.load(bundle_directory(bundle))
    _require_kind(opened, bundle, samples)
    name = file or by_preference(require_artifacts(opened))[0]
    predictor = opened.open(name, SessionOptions(threads=threads))
    made = [_made(predictor, path, top) for path in samples]
    document = {
        "bundle": opened.directory,
        "file": name,
        "engine": predictor.session.engine,
        "predictions": made,
    }
    output.show(document, lambda: _show(name, made), as_json=as_json)


def _require_kind(bundle: Bundle, told: str, samples: Sequence[Path]) -> None:
    """Raises UsageError where a sample is missing, or of no kind that the net takes."""
    from edgeconv.data.samples import require_kind

    for path in samples:
        if not path.is_file():
            what = "is no file" if path.exists() else "does not exist"
            raise UsageError(f"{path} {what}; give photos, one by one")
        require_kind([path], bundle.intake, told)


@dataclass(frozen=True)
class _Output:
    """What an output of real or whole numbers, or of truth values, holds for one sample."""

    name: str
    shape: tuple[int, ...]
    least: float
    mean: float
    largest: float

    @classmethod
    def of(cls, name: str, values: NDArray[Any]) -> _Output:
        """The values without the batch axis; NaN where there are none."""
        told = (values.min(), values.mean(), values.max()) if values.size else (math.nan,) * 3
        return cls(name, values.shape, *map(float, told))


@dataclass(frozen=True)
class _Made:
    """What was made of one sample: its most probable classes, or without a row of them outputs."""

    sample: Path
    top: tuple[Class, ...] = ()
    outputs: tuple[_Output, ...] = ()


def _made(predictor: Predictor, sample: Path, top: int) -> _Made:
    """Runs the file; raises ImageRefused, RefusedError where the sample cannot be read."""
    from edgeconv.bundle.predictor import Prediction
    from edgeconv.data.samples import stacked, stream
    from edgeconv.runtime.adapt import run_outputs
    from edgeconv.runtime.metrics import is_whole

    intake, session = predictor.intake, predictor.session
    outputs = run_outputs(session, stacked(list(stream([sample], intake)), intake))
    if outputs[0].ndim == 2 and not is_whole(outputs[0]):  # places are no classes' scores
        row = Prediction(outputs[0][0], predictor.labels, predictor.gives_probabilities)
        return _Made(sample, top=tuple(row.top(top)))
    names = [spec.name for spec in session.outputs]
    told = (_Output.of(name, each[0]) for name, each in zip(names, outputs, strict=True))
    return _Made(sample, outputs=tuple(told))


def _show(file: str, made: Sequence[_Made]) -> None:
    from edgeconv.report.tables import show

    show(_classes(file, made) if made[0].top else _outputs(file, made))


def _classes(file: str, made: Sequence[_Made]) -> Table:
    from edgeconv.report.tables import Column, Table

    columns = (
        Column("photo"),
        Column("class", "integer"),
        Column("label"),
        Column("probability", "percent"),
    )
    rows = [
        (one.sample if place == 0 else "", each.index, each.label, each.probability)
        for one in made
        for place, each in enumerate(one.top)
    ]
    return Table(columns, rows, notes=(f"by {file}",))


def _outputs(file: str, made: Sequence[_Made]) -> Table:
    from edgeconv.report.tables import Column, Table

    figures = tuple(Column(each, "number", 4) for each in ("least", "mean", "largest"))
    rows = [
        (one.sample, each.name, list(each.shape), each.least, each.mean, each.largest)
        for one in made
        for each in one.outputs
    ]
    columns = (Column("sample"), Column("output"), Column("shape"), *figures)
    return Table(columns, rows, notes=(f"by {file}; eval --task judges such nets",))
