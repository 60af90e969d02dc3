"""Everything of an export that can be judged before PyTorch is started and the net is built."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgeconv.bundle import bundle, staging
from edgeconv.errors import UsageError
from edgeconv.export import micro
from edgeconv.export.calibration import own_samples
from edgeconv.export.divided_photos import require_enough
from edgeconv.export.judging_labels import check_labels
from edgeconv.export.options import ExportOptions
from edgeconv.export.photo_check import check_photos
from edgeconv.export.task_photos import check_task
from edgeconv.nets.registry import check_target, is_onnx_file, is_program_file
from edgeconv.nets.weights_path import check_weights

if TYPE_CHECKING:  # it imports PyTorch
    from edgeconv.nets.handed_over import HandedOver


def check_request(
    target: str | HandedOver, options: ExportOptions, out: Path | None, *, force: bool
) -> None:
    """Raises what `export` would raise later, of the target, the options and every path."""
    if isinstance(target, str):
        _check_target(target, options)
    if options.classes is not None and options.classes < 1:
        raise UsageError(f"classes={options.classes} cannot be; a net has at least 1")
    check_weights(options.weights)
    if options.front_end == "micro":
        micro.require_interpreter()
    for destination in _destinations(target, options, out):
        staging.check_destination(destination, force=force, is_ours=bundle.is_bundle)
    own = own_samples(options.calib)
    if own is not None and options.max_drop is not None:
        require_enough(own)
    check_labels(options)
    if own is not None:
        check_task(own, options)
        check_photos(own, options)


def _check_target(target: str, options: ExportOptions) -> None:
    if is_onnx_file(target) or is_program_file(target):
        _check_file(target, options)
    else:
        check_target(target, options.net_options, options.input_size)


def _check_file(target: str, options: ExportOptions) -> None:
    """Raises UsageError where there is no such file, or options speak of a module."""
    if not Path(target).is_file():
        raise UsageError(f"{target}: there is no such file")
    of_modules = {
        "--weights": options.weights != "auto",
        "--net-option": bool(options.net_options),
        "--classes": options.classes is not None,
        "--features": options.features is not None,
    }
    given = [name for name, is_given in of_modules.items() if is_given]
    if given:
        raise UsageError(
            f"{target} is a file that holds its own values and layers; leave {', '.join(given)} out"
        )
    own = own_samples(options.calib)
    if options.stated.is_of_photos or own is None or not own.are_tensors:
        _require_stated(target, options)


def _require_stated(target: str, options: ExportOptions) -> None:
    """Raises UsageError where preprocessing is missing; of a file that is refused anyway, why."""
    try:
        options.stated.require_whole(target)
    except UsageError:
        if is_onnx_file(target):
            from edgeconv.export.sources.foreign_graph import require_exportable

            require_exportable(Path(target))
        raise


def _destinations(
    target: str | HandedOver, options: ExportOptions, out: Path | None
) -> tuple[Path, ...]:
    """Where the bundle will stand, as far as that is known: not whether published weights are."""
    if out is not None:
        return (out,)
    if isinstance(target, str) and (is_onnx_file(target) or is_program_file(target)):
        return (Path(Path(target).stem),)
    name = target.rpartition(":")[2] if isinstance(target, str) else target.name
    if options.weights == "auto":
        staging.check_name(Path(f"{name}-untrained"))
        return ()
    return (Path(f"{name}-untrained" if options.weights == "random" else name),)
