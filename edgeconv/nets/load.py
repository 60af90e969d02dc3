"""Build a net with its values, from a registry name or a user's own module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import nn

from edgeconv.data.preprocessing import Preprocessing
from edgeconv.errors import RefusedError, UsageError, WeightsRefused, WeightsUnavailable
from edgeconv.nets.apply_state import apply_state, check_finite
from edgeconv.nets.calibrate_bn import has_initial_batchnorm
from edgeconv.nets.download import Progress
from edgeconv.nets.file_metadata import FileMetadata, parse_metadata
from edgeconv.nets.labels import IMAGENET1K_CLASSES, imagenet_categories
from edgeconv.nets.registry import find
from edgeconv.nets.spec import NetSpec, OptionValue, PublishedPreprocessing
from edgeconv.nets.state_files import StateFile, read_state_file
from edgeconv.nets.user import UserNet, load_user_net
from edgeconv.nets.weights import WeightsInfo, published_file, seeded, why_unpublished

_HOW_TO_GET_WEIGHTS = "give --weights FILE.safetensors or FILE.pth for trained ones"


@dataclass(frozen=True)
class LoadedNet:
    """A net ready to be captured.

    Attributes:
        module: in eval mode, float32, on the CPU.
        name: what its bundle is called; a trained and an untrained one share it.
        net_options: every option of the net at its value.
        preprocessing: what its input must have gone through.
        labels: class names in the order of the logits, or None where they are not known.
        trained: False where the values are random and the output means nothing.
        weights: where the values come from.
        spec: the registry's entry, or None for a user's own module.
    """

    module: nn.Module
    name: str
    net_options: dict[str, Any]
    preprocessing: Preprocessing
    labels: tuple[str, ...] | None
    trained: bool
    weights: WeightsInfo
    spec: NetSpec | None


@dataclass(frozen=True)
class _Request:
    """What the caller asked for beside the target."""

    weights: str
    net_options: Mapping[str, Any]
    classes: int | None
    input_size: tuple[int, int] | None
    seed: int
    on_progress: Progress | None = field(repr=False)


def load_net(
    target: str,
    *,
    weights: str = "auto",
    net_options: Mapping[str, Any] = {},
    classes: int | None = None,
    input_size: tuple[int, int] | None = None,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> LoadedNet:
    """Build a net and give it its values.

    Args:
        target: a name of the registry, "path/to/file.py:factory" or "package.module:factory".
        weights: "auto" (published, or untrained where they cannot be had), "pretrained" (published
            or an error), "random" (seeded), or the path of a `.safetensors`, `.pth` or `.pt` file.
            For a user's module "auto" leaves the values as the factory made them.
        net_options: options of the definition, or keywords of the user's factory.
        classes: number of classes; None: what the weights have, else 1,000.
        input_size: (height, width) in pixels; None: what the weights were published with.
        seed: for random values.
        on_progress: told how a download goes, in bytes done and bytes in all (or None).

    Raises:
        UnknownName, UsageError: a name, an option, a size or a number of classes cannot be.
        WeightsUnavailable: "pretrained" weights cannot be had.
        WeightsRefused: a weights file is broken, unsafe or of another net.
        NetRefused: the user's code failed.
    """
    if classes is not None and classes < 1:
        raise UsageError(f"classes={classes} cannot be; a net has at least 1")
    request = _Request(weights, net_options, classes, input_size, seed, on_progress)
    if ":" in target:
        return _load_user(target, request)
    if target.endswith(".py"):
        raise UsageError(f"{target} does not say what to build; give {target}:FACTORY")
    return _load_known(find(target), request)


def _load_known(spec: NetSpec, request: _Request) -> LoadedNet:
    if request.weights == "random":
        return _untrained(spec, request, None)
    if request.weights in ("auto", "pretrained"):
        return _published(spec, request)
    return _from_file(spec, request, read_state_file(Path(request.weights)))


def _published(spec: NetSpec, request: _Request) -> LoadedNet:
    options = spec.resolve_options(request.net_options)
    reason = why_unpublished(spec, options, request.classes, IMAGENET1K_CLASSES)
    required = request.weights == "pretrained"
    if spec.pretrained is None or reason is not None:
        if not required:
            return _untrained(spec, request, reason)
        if spec.pretrained is not None:
            raise UsageError(f"{reason}; {_HOW_TO_GET_WEIGHTS}")
        raise WeightsUnavailable(f"{reason}; {_HOW_TO_GET_WEIGHTS}")
    try:
        path = published_file(spec.pretrained, on_progress=request.on_progress)
    except WeightsUnavailable as error:
        if required:
            raise
        return _untrained(spec, request, str(error))
    state = read_state_file(path)
    module = spec.build(IMAGENET1K_CLASSES, options)
    apply_state(module, state.tensors, str(path), spec.name)
    return LoadedNet(
        module=module.eval(),
        name=spec.name,
        net_options=dict(options),
        preprocessing=_preprocessing(spec, spec.pretrained.preprocessing, {}, request.input_size),
        labels=imagenet_categories(),
        trained=True,
        weights=WeightsInfo(
            kind="pretrained",
            source=spec.pretrained.url,
            sha256=state.sha256,
            license=spec.pretrained.license,
        ),
        spec=spec,
    )


def _untrained(spec: NetSpec, request: _Request, reason: str | None) -> LoadedNet:
    options = spec.resolve_options(request.net_options)
    preprocessing = _preprocessing(spec, spec.preprocessing, {}, request.input_size)
    with seeded(request.seed):
        module = spec.build(request.classes or IMAGENET1K_CLASSES, options)
    note = None
    if reason is not None:
        note = f"{spec.name} is untrained: {reason}. {_HOW_TO_GET_WEIGHTS.capitalize()}"
    return LoadedNet(
        module=module.eval(),
        name=spec.name,
        net_options=dict(options),
        preprocessing=preprocessing,
        labels=None,
        trained=False,
        weights=WeightsInfo(kind="random", source=f"seed {request.seed}", note=note),
        spec=spec,
    )


def _from_file(spec: NetSpec, request: _Request, state: StateFile) -> LoadedNet:
    metadata = parse_metadata(state.metadata, state.path)
    if metadata.net not in (None, spec.name):
        raise WeightsRefused(
            f"{state.path} says that it holds weights of {metadata.net}, not of {spec.name}; "
            f"export {metadata.net}, or give weights of {spec.name}"
        )
    options = _agreed_options(spec, request.net_options, metadata, state.path)
    classes = _agreed_classes(spec, request.classes, state)
    preprocessing = _preprocessing(
        spec, spec.preprocessing, metadata.preprocessing, request.input_size, str(state.path)
    )
    module = spec.build(classes, options)
    apply_state(module, state.tensors, str(state.path), _title(spec, options))
    return LoadedNet(
        module=module.eval(),
        name=spec.name,
        net_options=dict(options),
        preprocessing=preprocessing,
        labels=_file_labels(metadata, classes, state.path),
        trained=True,
        weights=_file_info(state, metadata),
        spec=spec,
    )


def _agreed_options(
    spec: NetSpec, given: Mapping[str, Any], metadata: FileMetadata, path: Path
) -> dict[str, OptionValue]:
    """The file's options, which an explicit one may repeat but not contradict."""
    explicit = spec.resolve_options(given)
    try:
        stated = spec.resolve_options(metadata.net_options)
    except UsageError as error:
        raise WeightsRefused(f"{path}: net_options in its metadata: {error}") from error
    for name in given:
        if name in metadata.net_options and explicit[name] != stated[name]:
            raise UsageError(
                f"{name}={explicit[name]} was asked for, but {path} holds weights for "
                f"{name}={stated[name]}; leave the option out or give other weights"
            )
    return {name: explicit[name] if name in given else stated[name] for name in stated}


def _agreed_classes(spec: NetSpec, asked: int | None, state: StateFile) -> int:
    """The number of classes the file has, which an explicit one may repeat but not contradict."""
    weight = state.tensors.get(f"{spec.classifier}.weight")
    if weight is None or weight.dim() == 0 or not 0 < weight.shape[0] <= weight.numel():
        return asked or IMAGENET1K_CLASSES  # not this net's file; naming the keys comes later
    found = int(weight.shape[0])
    if asked not in (None, found):
        raise UsageError(
            f"{asked} classes were asked for, but {state.path} was trained for {found} "
            f"({spec.classifier}.weight has {found} rows); "
            "leave --classes out or give other weights"
        )
    return found


def _preprocessing(
    spec: NetSpec | None,
    published: PublishedPreprocessing,
    overriding: Mapping[str, Any],
    input_size: tuple[int, int] | None,
    origin: str = "",
) -> Preprocessing:
    """Published values, then a file's, then the size asked for with the resize in proportion."""
    fields = {**asdict(published), **overriding}
    try:
        preprocessing = Preprocessing.from_json(fields)
    except RefusedError as error:
        raise WeightsRefused(f"{origin}: {error}") from error
    return _resized(preprocessing, spec, input_size)


def _resized(
    preprocessing: Preprocessing, spec: NetSpec | None, input_size: tuple[int, int] | None
) -> Preprocessing:
    if input_size is not None and input_size != preprocessing.input_size:
        ratio = preprocessing.resize / max(preprocessing.input_size)
        resize = max(1, round(max(input_size) * ratio))
        preprocessing = replace(preprocessing, input_size=input_size, resize=resize)
    if spec is not None and min(preprocessing.input_size) < spec.minimum_input:
        height, width = preprocessing.input_size
        raise UsageError(
            f"{spec.name} cannot take {height} x {width} pixels; "
            f"each side must be at least {spec.minimum_input}"
        )
    return preprocessing


def _file_labels(metadata: FileMetadata, classes: int, path: Path) -> tuple[str, ...] | None:
    if metadata.labels is None:
        return imagenet_categories() if classes == IMAGENET1K_CLASSES else None
    if len(metadata.labels) != classes:
        raise WeightsRefused(
            f"{path} names {len(metadata.labels)} labels in its metadata for {classes} classes"
        )
    return metadata.labels


def _file_info(state: StateFile, metadata: FileMetadata) -> WeightsInfo:
    return WeightsInfo(
        kind="file",
        source=metadata.source or state.path.name,
        sha256=state.sha256,
        license=metadata.license,
    )


def _title(spec: NetSpec, options: Mapping[str, OptionValue]) -> str:
    stated = ", ".join(f"{name}={value}" for name, value in options.items())
    return f"{spec.name} ({stated})" if stated else spec.name


def _load_user(target: str, request: _Request) -> LoadedNet:
    if request.weights == "pretrained":
        raise UsageError(
            f"nobody publishes weights for {target}; give --weights FILE, or auto for the values "
            "its factory leaves in it"
        )
    with seeded(request.seed):
        user = load_user_net(target, request.net_options, request.classes)
    preprocessing = _resized(user.preprocessing, None, request.input_size)
    labels = user.labels
    if request.weights in ("auto", "random"):
        check_finite(user.module, target)
        weights = _user_weights(user, target, request)
    else:
        state = read_state_file(Path(request.weights))
        metadata = parse_metadata(state.metadata, state.path)
        apply_state(user.module, state.tensors, str(state.path), target)
        if metadata.preprocessing:
            published = PublishedPreprocessing(**asdict(user.preprocessing))
            preprocessing = _preprocessing(
                None, published, metadata.preprocessing, request.input_size, str(state.path)
            )
        labels = metadata.labels or labels
        weights = _file_info(state, metadata)
    return LoadedNet(
        module=user.module.eval(),
        name=user.name,
        net_options=dict(request.net_options),
        preprocessing=preprocessing,
        labels=labels,
        trained=weights.kind != "random",
        weights=weights,
        spec=None,
    )


def _user_weights(user: UserNet, target: str, request: _Request) -> WeightsInfo:
    if request.weights == "random":
        return WeightsInfo(kind="random", source=f"seed {request.seed}")
    if has_initial_batchnorm(user.module):
        note = (
            f"{target} looks untrained: every BatchNorm is as it was made. Load trained values in "
            "the factory, or give --weights FILE"
        )
        return WeightsInfo(kind="random", source=f"seed {request.seed}", note=note)
    return WeightsInfo(kind="module", source=target)
