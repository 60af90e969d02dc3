"""The labels by which `--max-drop` judges: what `--labels` says of the photos of `--calib`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx_ir as ir

from edgeconv.data import folders
from edgeconv.errors import UsageError
from edgeconv.export.options import ExportOptions
from edgeconv.graph.view import shape_of


def check_labels(options: ExportOptions) -> None:
    """Raises UsageError where there can be no labels; reads none of them."""
    if options.labels is None or options.judged_task is not None:
        return
    if options.max_drop is None:
        raise UsageError("--labels is for --max-drop, which judges by them; add --max-drop POINTS")
    if options.calib is None:
        raise UsageError("--labels names classes of your own photos; add --calib DIR")
    if options.labels.is_dir():
        if options.labels.resolve() != options.calib.resolve():
            raise UsageError(
                f"--labels {options.labels} is another folder than --calib {options.calib}; give a "
                f"CSV with the columns file,label, or {options.calib} where its sub-folders are "
                f"the classes"
            )
    elif not options.labels.is_file():
        raise UsageError(f"--labels {options.labels}: there is no such file")


def judging_labels(
    options: ExportOptions, class_names: Sequence[str] | None, model: ir.Model
) -> dict[Path, int] | None:
    """The class of each photo of the folder that has one; None where no labels are given.

    Args:
        options: of the export.
        class_names: the net's labels, which may stand for class indices.
        model: the graph, whose output says how many classes there are.

    Raises:
        UsageError: there is nothing to take labels from.
        RefusedError: a CSV that cannot be right, or a label that is no class of the net.
    """
    if options.labels is None or options.calib is None:
        return None
    shape = shape_of(model.graph.outputs[0])
    classes = shape[1] if len(shape) == 2 else None
    csv = None if options.labels.is_dir() else options.labels
    found = folders.labelled(options.calib, csv, class_names=class_names, classes=classes)
    return {photo.path: photo.label for photo in found}
