"""edgeconv explain: what a net looks at, and what its int8 file looks at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from edgeconv.cli.bundles import bundle_directory
from edgeconv.cli.options import arguments, complete, nets, output
from edgeconv.report.console import say
from edgeconv.runtime.memory import within_free_memory

if TYPE_CHECKING:
    from edgeconv.bundle.bundle import Bundle
    from edgeconv.explain.explanation import Explanation
    from edgeconv.nets.load import LoadedNet


@within_free_memory()
def explain(
    image: Path = typer.Argument(help="A photo."),
    net: str = typer.Option(help=nets.A_NET, autocompletion=complete.net),
    weights: str = nets.WEIGHTS,
    bundle: str | None = typer.Option(
        None,
        help="The net's bundle: explain its int8 file too.",
        autocompletion=complete.bundle,
    ),
    class_: str | None = typer.Option(
        None, "--class", help="Number or name of a class.", show_default="the float net's first"
    ),
    layer: str | None = typer.Option(
        None,
        help="Module path of a layer that gives a feature map, such as features.18.",
        show_default="the last before the global pooling",
    ),
    net_option: list[str] = nets.NET_OPTION,
    out: Path | None = typer.Option(
        None, help="The picture, a PNG.", show_default="./IMAGE-NET.png"
    ),
    force: bool = output.FORCE,
    as_json: bool = output.JSON,
) -> None:
    """Grad-CAM and guided backpropagation of a photo, side by side in one picture.

    With a bundle, also the Grad-CAM of its int8 TFLite file, from the activations the file computes
    itself; the gradients are the float net's, run on from those activations. The rank correlation
    tells how much the two maps agree.
    """
    from edgeconv.data.images import load_image
    from edgeconv.explain import picture
    from edgeconv.nets.registry import check_target
    from edgeconv.nets.weights_path import check_weights

    options = arguments.net_options(net_option)
    check_target(net, options)  # before PyTorch is started
    check_weights(weights)
    photo = load_image(image)
    name = net.rpartition(":")[2] or net
    destination = out or Path(f"{image.stem}-{name}.png")
    picture.check_destination(destination, force=force)
    opened = None if bundle is None else _bundle(bundle, name)
    loaded = _load(net, weights, options, opened)
    explanation = _explain(loaded, photo, class_, layer, opened)
    picture.save(picture.draw(explanation.panels()), destination, force=force)
    document = {"image": image, "net": loaded.name, "picture": destination}
    output.show(
        {**document, **explanation.to_json()},
        lambda: _print(destination, explanation),
        as_json=as_json,
    )


def _bundle(target: str, net: str) -> Bundle:
    """The bundle; raises UsageError where it is another net's or cannot be explained."""
    from edgeconv.bundle.bundle import Bundle
    from edgeconv.errors import UsageError

    opened = Bundle.load(bundle_directory(target))
    held = opened.manifest["net"]["name"]
    if held != net:
        raise UsageError(f"{opened.directory} is a bundle of {held}, not of {net}")
    missing = [name for name in ("tflite", "int8.tflite") if name not in opened.artifacts]
    if missing:
        raise UsageError(
            f"{opened.directory} holds no model.{missing[0]}, which explain reads; export it "
            f"again: edgeconv export {net} --int8"
        )
    if not opened.trained:
        raise UsageError(
            f"{opened.directory} is untrained: what it looks at means nothing. Export it with "
            "--weights FILE"
        )
    return opened


def _load(
    target: str, weights: str, net_options: dict[str, Any], bundle: Bundle | None
) -> LoadedNet:
    """The float net, at the bundle's options and input size where there is one."""
    from edgeconv.errors import UsageError
    from edgeconv.nets.load import load_net

    size = None
    if bundle is not None:
        net_options = {**bundle.manifest["net"]["options"], **net_options}
        size = bundle.preprocessing.input_size
    loaded = load_net(target, weights=weights, net_options=net_options, input_size=size)
    if loaded.weights.note:
        say(f"warning: {loaded.weights.note}", err=True)
    if bundle is not None:
        if not loaded.trained:
            raise UsageError(
                f"{bundle.directory} holds trained weights; give the same ones with --weights FILE"
            )
    elif not loaded.trained:
        say(f"warning: {target} is untrained: what it looks at means nothing", err=True)
    return loaded


def _explain(
    net: LoadedNet, photo: Any, wanted: str | None, layer: str | None, bundle: Bundle | None
) -> Explanation:
    from edgeconv.data.preprocessing import crop_pixels, normalize
    from edgeconv.explain.explanation import explain as run
    from edgeconv.explain.int8_file import Pair
    from edgeconv.runtime.adapt import Images

    preprocessing = net.preprocessing if bundle is None else bundle.preprocessing
    pixels = crop_pixels(photo, preprocessing)
    images = Images(normalize(pixels, preprocessing)[None], pixels[None])
    pair = labels = None
    if bundle is not None:
        files = bundle.artifacts
        pair = Pair(files["int8.tflite"], files["tflite"], bundle.repairs)
        labels = bundle.labels
    return run(net, images, wanted=wanted, layer=layer, pair=pair, labels=labels)


def _print(destination: Path, explanation: Explanation) -> None:
    from edgeconv.report import text
    from edgeconv.report.tables import facts, show

    channels, height, width = explanation.floating.cam.activations.shape
    rows = [
        ("layer", f"{explanation.layer} ({channels} x {height} x {width})"),
        ("explained class", str(explanation.floating.explained)),
        ("float net's first", str(explanation.floating.top)),
    ]
    if explanation.int8 is not None:
        rows += [
            ("explained class, int8", str(explanation.int8.explained)),
            ("int8 file's first", str(explanation.int8.top)),
            ("rank correlation of the maps", text.number(explanation.rank_correlation, 3)),
            ("before their ReLU", text.number(explanation.signed_rank_correlation, 3)),
            ("SQNR of the activations", f"{text.number(explanation.activation_sqnr_db, 1)} dB"),
        ]
    show(facts(rows, str(destination)))
