"""Build a net with its values, from a registry name or a user's own module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import nn

from edgeconv.data.inputs import Intake, agreeing
from edgeconv.data.preprocessing import Preprocessing
from edgeconv.errors import UnknownName, UsageError, WeightsRefused, WeightsUnavailable
from edgeconv.nets.agreement import (
    agreed_classes,
    agreed_keywords,
    agreed_labels,
    agreed_options,
    agreed_preprocessing,
)
from edgeconv.nets.apply_state import apply_state, check_finite
from edgeconv.nets.calibrate_bn import has_initial_batchnorm
from edgeconv.nets.file_metadata import FileMetadata, parse_metadata
from edgeconv.nets.handed_over import HandedOver
from edgeconv.nets.labels import categories
from edgeconv.nets.plain import fold_parametrizations
from edgeconv.nets.registry import TIMM, spec_of
from edgeconv.nets.spec import NetSpec, OptionValue, PublishedPreprocessing
from edgeconv.nets.state_files import StateFile, read_state_file
from edgeconv.nets.timm_nets import NOT_DOWNLOADED, published_info, timm_net
from edgeconv.nets.user import UserNet, load_user_net
from edgeconv.nets.user_code import run_user_code
from edgeconv.nets.weights import WeightsInfo, published_file, seeded, why_unpublished
from edgeconv.nets.weights_path import WORDS
from edgeconv.progress import SILENT, Progress

_HOW_TO_GET_WEIGHTS = "give --weights FILE.safetensors or FILE.pth for trained ones"


@dataclass(frozen=True)
class LoadedNet:
    """A net ready to be captured.

    Attributes:
        module: in eval mode, float32, on the CPU.
        name: what its bundle is called; a trained and an untrained one share it.
        net_options: every option of the net at its value.
        intake: its inputs, and what a photo must have gone through.
        labels: class names in the order of the logits, or None where they are not known.
        trained: False where the values are random and the output means nothing.
        weights: where the values come from.
        spec: the registry's entry, or None for a user's own module.
        is_assumed: whether neither the net nor the user says what it takes, and it is taken for
            one that takes photos as most do.
    """

    module: nn.Module
    name: str
    net_options: dict[str, Any]
    intake: Intake
    labels: tuple[str, ...] | None
    trained: bool
    weights: WeightsInfo
    spec: NetSpec | None
    is_assumed: bool = False

    @property
    def preprocessing(self) -> Preprocessing:
        """How a photo becomes its input; raises UsageError where that is not known."""
        return self.intake.of_photo(self.name)


@dataclass(frozen=True)
class _Request:
    """What the caller asked for beside the target."""

    weights: str
    net_options: Mapping[str, Any]
    classes: int | None
    input_size: tuple[int, int] | None
    seed: int
    progress: Progress = field(repr=False)


def load_net(
    target: str | HandedOver,
    *,
    weights: str = "auto",
    net_options: Mapping[str, Any] = {},
    classes: int | None = None,
    input_size: tuple[int, int] | None = None,
    seed: int = 0,
    progress: Progress = SILENT,
) -> LoadedNet:
    """Build a net and give it its values.

    Args:
        target: a name of the registry, "path/to/file.py:factory", "package.module:factory" or
            "timm:NAME"; or a net that is handed over.
        weights: "auto" (published, or untrained where they cannot be had), "pretrained" (published
            or an error), "random" (seeded), or the path of a `.safetensors`, `.pth` or `.pt` file.
            For a user's module "auto" leaves the values as the factory made them; for one of
            timm's it is "random", for those are downloaded only where they are asked for.
        net_options: options of the definition, or keywords of the user's factory.
        classes: number of classes; None: what the weights have, else the net's own number.
        input_size: (height, width) in pixels; None: what the weights were published with.
        seed: for random values.
        progress: told how a download goes, in bytes.

    Raises:
        UnknownName, UsageError: a name, an option, a size or a number of classes cannot be.
        UnavailableError: "pretrained" weights cannot be had, or timm is not installed.
        WeightsRefused: a weights file is broken, unsafe or of another net.
        NetRefused: the user's code failed.
    """
    if classes is not None and classes < 1:
        raise UsageError(f"classes={classes} cannot be; a net has at least 1")
    request = _Request(weights, net_options, classes, input_size, seed, progress)
    if isinstance(target, str) and target.startswith(TIMM):
        return _load_timm(target, request)
    spec = None if isinstance(target, HandedOver) else spec_of(target)
    return _load_user(target, request) if spec is None else _load_known(spec, request)


def _load_known(spec: NetSpec, request: _Request) -> LoadedNet:
    spec.require_classes(request.classes or spec.classes)
    if request.weights == "random":
        return _untrained(spec, request, None)
    if request.weights in ("auto", "pretrained"):
        return _published(spec, request)
    return _from_file(spec, request, read_state_file(Path(request.weights)))


def _published(spec: NetSpec, request: _Request) -> LoadedNet:
    options = spec.resolve_options(request.net_options)
    labels = categories(spec.labels) if spec.labels else ()
    reason = why_unpublished(spec, options, request.classes, len(labels))
    required = request.weights == "pretrained"
    if spec.pretrained is None or reason is not None:
        advice = f"{reason}; {_HOW_TO_GET_WEIGHTS}"
        if required:
            raise (UsageError if spec.pretrained else WeightsUnavailable)(advice)
        return _untrained(spec, request, advice)
    preprocessing = agreed_preprocessing(
        spec, spec.pretrained.preprocessing, {}, request.input_size, options=options
    )
    try:
        path = published_file(spec.pretrained, progress=request.progress)
    except WeightsUnavailable as error:
        if required:
            raise
        return _untrained(spec, request, str(error))
    state = read_state_file(path)
    module = spec.build(len(labels), options)
    apply_state(module, state.tensors, str(path), spec.name)
    return LoadedNet(
        module=module.eval(),
        name=spec.name,
        net_options=dict(options),
        intake=Intake.of_photos(preprocessing),
        labels=labels,
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
    preprocessing = agreed_preprocessing(
        spec, spec.preprocessing, {}, request.input_size, options=options
    )
    with seeded(request.seed):
        module = spec.build(request.classes or spec.classes, options)
    return LoadedNet(
        module=module.eval(),
        name=spec.name,
        net_options=dict(options),
        intake=Intake.of_photos(preprocessing),
        labels=None,
        trained=False,
        weights=WeightsInfo(
            kind="random",
            source=f"seed {request.seed}",
            note=f"{spec.name} is untrained: {reason}" if reason else None,
        ),
        spec=spec,
    )


def _from_file(spec: NetSpec, request: _Request, state: StateFile) -> LoadedNet:
    metadata = parse_metadata(state.metadata, state.path)
    if metadata.net not in (None, spec.name):
        raise WeightsRefused(
            f"{state.path} says that it holds weights of {metadata.net}, not of {spec.name}; "
            f"export {metadata.net}, or give weights of {spec.name}"
        )
    options = agreed_options(spec, request.net_options, metadata, state.path)
    classes = agreed_classes(spec, request.classes, state)
    preprocessing = agreed_preprocessing(
        spec,
        spec.preprocessing,
        metadata.preprocessing,
        request.input_size,
        str(state.path),
        options=options,
    )
    module = spec.build(classes, options)
    apply_state(module, state.tensors, str(state.path), _title(spec, options))
    return LoadedNet(
        module=module.eval(),
        name=spec.name,
        net_options=dict(options),
        intake=Intake.of_photos(preprocessing),
        labels=agreed_labels(spec, metadata, classes, state.path),
        trained=True,
        weights=_file_info(state, metadata),
        spec=spec,
    )


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


def _load_timm(target: str, request: _Request) -> LoadedNet:
    """Of values that timm publishes, of a file's, or of random ones."""
    factory = timm_net(target, pretrained=request.weights == "pretrained")
    if request.weights not in WORDS:
        return _user_from_file(factory, request, read_state_file(Path(request.weights)))
    net = _load_user(factory, replace(request, weights="random"))
    if request.weights == "pretrained":
        return replace(net, trained=True, weights=published_info(net.module, target))
    note = f"{target} is untrained: {NOT_DOWNLOADED}" if request.weights == "auto" else None
    return replace(net, labels=None, weights=replace(net.weights, note=note))


def _load_user(target: str | HandedOver, request: _Request) -> LoadedNet:
    if request.weights == "pretrained":
        raise UsageError(
            f"nobody publishes weights for {target}; give --weights FILE, or auto for the values "
            "its factory leaves in it"
        )
    if request.weights not in ("auto", "random"):
        return _user_from_file(target, request, read_state_file(Path(request.weights)))
    with seeded(request.seed):
        user = load_user_net(target, request.net_options, request.classes)
    check_finite(user.module, str(target))
    weights = _noted(_user_weights(user, target, request), user)
    run_user_code(lambda: fold_parametrizations(user.module), str(target))
    return LoadedNet(
        module=user.module.eval(),
        name=user.name,
        net_options=dict(request.net_options),
        intake=_intake(user, {}, request, str(target)),
        labels=user.labels,
        trained=weights.kind != "random",
        weights=weights,
        spec=None,
        is_assumed=user.inputs is None and user.preprocessing is None,
    )


def _user_from_file(target: str | HandedOver, request: _Request, state: StateFile) -> LoadedNet:
    metadata = parse_metadata(state.metadata, state.path)
    options = agreed_keywords(request.net_options, metadata, state.path)
    try:
        with seeded(request.seed):
            user = load_user_net(target, options, request.classes)
    except UnknownName as error:
        if error.name not in metadata.net_options:
            raise
        raise WeightsRefused(f"{state.path}: net_options in its metadata: {error}") from error
    apply_state(user.module, state.tensors, str(state.path), str(target))
    run_user_code(lambda: fold_parametrizations(user.module), str(target))
    return LoadedNet(
        module=user.module.eval(),
        name=user.name,
        net_options=options,
        intake=_intake(user, metadata.preprocessing, request, str(state.path)),
        labels=metadata.labels or user.labels,
        trained=True,
        weights=_noted(_file_info(state, metadata), user),
        spec=None,
        is_assumed=user.inputs is None
        and user.preprocessing is None
        and not metadata.preprocessing,
    )


def _intake(user: UserNet, overriding: Mapping[str, Any], request: _Request, origin: str) -> Intake:
    """What the user's net takes: as it says, or photos as most nets take them.

    Args:
        user: the net.
        overriding: what its weights file says of preprocessing.
        request: may ask for another size.
        origin: who says it.
    """
    own = user.preprocessing
    if user.inputs is not None and own is None and not overriding:
        sizes = {spec.shape[1:] for spec in user.inputs}
        if request.input_size is not None and sizes != {request.input_size}:
            raise UsageError(
                f"{origin} says the shapes of its inputs itself (input_shapes); leave --input-size "
                "out"
            )
        return Intake(user.inputs)
    published = PublishedPreprocessing(**asdict(own or Preprocessing()))
    preprocessing = agreed_preprocessing(None, published, overriding, request.input_size, origin)
    if user.inputs is None:
        return Intake.of_photos(preprocessing)
    return Intake(user.inputs, agreeing(user.inputs, preprocessing, origin))


def _noted(weights: WeightsInfo, user: UserNet) -> WeightsInfo:
    """With what is to be told of the module, where there is nothing else to tell."""
    return weights if weights.note else replace(weights, note=user.note)


def _user_weights(user: UserNet, target: str | HandedOver, request: _Request) -> WeightsInfo:
    if request.weights == "random":
        return WeightsInfo(kind="random", source=f"seed {request.seed}")
    if has_initial_batchnorm(user.module):
        note = (
            f"{target} looks untrained: every BatchNorm is as it was made. Load trained values in "
            "the factory, or give --weights FILE"
        )
        return WeightsInfo(kind="random", source=f"seed {request.seed}", note=note)
    return WeightsInfo(kind="module", source=str(target))
