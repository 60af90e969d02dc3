"""Files whose channels were copied and shifted: diagnosed and explained as what they are."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import edgeconv
from edgeconv.bundle import artifacts
from edgeconv.errors import BundleRefused
from edgeconv.explain.int8_file import Int8File, Pair
from edgeconv.export.onnx import write as onnx_writer
from edgeconv.export.pixels import with_pixel_input
from edgeconv.export.tflite.write import write
from edgeconv.files.onnx.load import load
from edgeconv.graph.fusion import is_absorbed, written_output
from edgeconv.quantize.plan.in_float import with_islands
from edgeconv.quantize.recipe.recipes import Recipe, quantize
from edgeconv.quantize.recipe.steps import EQUALIZE, REUSE_DEAD_CHANNELS
from edgeconv.quantize.repair.as_written import as_written
from edgeconv.quantize.repair.ends import ends_of
from edgeconv.quantize.repair.repairs import Copies, Repairs
from edgeconv.runtime.adapt import dequantize
from edgeconv.runtime.metrics import sqnr_db
from edgeconv.verify.diagnose import Diagnosis, diagnose
from tests.helpers.repaired_bundle import export_repaired
from tests.helpers.tampering import change_onnx, change_tflite_data


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> edgeconv.Bundle:
    return export_repaired(tmp_path_factory.mktemp("repaired"))


def walk(bundle: edgeconv.Bundle, *, of: Path | None = None, copies: Copies) -> Diagnosis:
    vectors = bundle.golden
    told = {**bundle.quantization, "repairs": Repairs(copies=copies).to_json()}
    held = replace(bundle, quantization=told)
    return diagnose(
        artifacts.present(of or bundle.directory),
        vectors.samples,
        vectors.reference,
        recorded=bundle.quantization["tensors"],
        as_written=lambda model: as_written(model, held.repairs, held.intake),
        with_pixels=lambda model: with_pixel_input(model, bundle.preprocessing),
        photos=2,
    )


def pair(bundle: edgeconv.Bundle, repairs: Repairs) -> Pair:
    return Pair(bundle.artifacts["int8.tflite"], bundle.artifacts["tflite"], repairs)


def explained(bundle: edgeconv.Bundle, repairs: Repairs) -> Int8File:
    vectors = bundle.golden
    return Int8File(pair(bundle, repairs), vectors.samples[:1])


def test_the_recipe_kept_both_repairs(bundle: edgeconv.Bundle) -> None:
    assert set(bundle.repairs.copies) == {"stem.2", "apart.2"}
    assert {"enter.0", "body.0/add", "body.1/add"} <= set(bundle.repairs.offsets)
    assert bundle.parity_passed


@pytest.mark.parametrize("io", ["float32", "uint8"])
def test_a_sound_bundle_has_nothing_broken(
    bundle: edgeconv.Bundle, io: str, tmp_path: Path
) -> None:
    found = bundle if io == "float32" else export_repaired(tmp_path, io)
    assert found.repairs.copies
    walked = walk(found, copies=found.repairs.copies)
    assert walked.findings == ()
    total = {tensor.name: tensor.total_db for tensor in walked.tensors}
    for name in ("stem.2", "apart.2", "enter.0", "body.1/add"):
        assert total[name]["int8.tflite"] > 12, name
        assert total[name]["weights"] > 30, name


def test_copies_that_nobody_told_of_are_found(bundle: edgeconv.Bundle) -> None:
    first = walk(bundle, copies={}).first_bad
    assert first is not None
    assert (first.tensor, first.kind) == ("stem.2", "constants")


def test_a_copy_that_is_none_is_found(bundle: edgeconv.Bundle, tmp_path: Path) -> None:
    altered = Path(shutil.copytree(bundle.directory, tmp_path / "altered"))
    slot, source = next(iter(bundle.repairs.copies["stem.2"].items()))

    def another(weight: np.ndarray) -> np.ndarray:  # OHWI
        weight = weight.copy()
        weight[slot] = weight[(source + 2) % len(weight)]
        return weight

    change_tflite_data(altered / "model.int8.tflite", "stem.0.weight", another)
    first = walk(bundle, of=altered, copies=bundle.repairs.copies).first_bad
    assert first is not None
    assert (first.tensor, first.artifact, first.kind) == ("stem.2", "int8.tflite", "constants")
    assert f"output channel {slot}" in first.message


def test_live_channels_cannot_be_passed_off_as_copies(bundle: edgeconv.Bundle) -> None:
    live = {1: 3, 5: 3}
    with pytest.raises(BundleRefused, match="no channels that are dead"):
        walk(bundle, copies=dict.fromkeys(bundle.repairs.copies, live))


@pytest.mark.parametrize("tensor", ["stem.2", "apart.2", "enter.0", "body.0/add", "body.1/add"])
def test_activations_come_back_as_the_float_nets(bundle: edgeconv.Bundle, tensor: str) -> None:
    file = explained(bundle, bundle.repairs)
    wanted = file._floating.read_tensor(tensor)[0].transpose(2, 0, 1)
    assert sqnr_db(wanted, file.activations(tensor)) > 15
    raw = dequantize(file._int8.read_tensor(tensor), file._int8.tensor_specs()[tensor])[0]
    assert sqnr_db(wanted, raw.transpose(2, 0, 1)) < 10


def test_the_mean_of_copies_is_nearer_than_one_of_them(bundle: edgeconv.Bundle) -> None:
    file = explained(bundle, bundle.repairs)
    wanted = file._floating.read_tensor("stem.2")[0].transpose(2, 0, 1)
    alone = explained(bundle, replace(bundle.repairs, copies={})).activations("stem.2")
    sources = sorted(set(bundle.repairs.copies["stem.2"].values()))
    merged = file.activations("stem.2")[sources]
    assert sqnr_db(wanted[sources], merged) > sqnr_db(wanted[sources], alone[sources]) + 2


@pytest.mark.parametrize("island", ["stem.2", "apart.2", "enter.0"])
def test_copies_are_followed_through_operators_in_float(
    bundle: edgeconv.Bundle, island: str, tmp_path: Path
) -> None:
    vectors, model = bundle.golden, load(bundle.artifacts["onnx"])
    photos = [photo[None] for photo in vectors.samples.normalized]
    ends = ends_of(bundle.preprocessing, is_classifier=False)
    recipe = Recipe("", (EQUALIZE, REUSE_DEAD_CHANNELS), 8, measured=False)
    done = quantize(model, lambda: photos, ends=ends, recipe=recipe)
    assert done.repairs.copies
    (node,) = (
        node
        for node in model.graph
        if written_output(node).name == island and not is_absorbed(node)
    )
    plan = replace(done.plan, islands=frozenset({node.name or ""}))
    write(done.model, tmp_path / "int8.tflite", "int8", plan, io="float32")
    made = Pair(tmp_path / "int8.tflite", bundle.artifacts["tflite"], done.repairs)
    file = Int8File(made, vectors.samples[:1])
    for tensor in ("stem.2", "apart.2", "enter.0"):
        wanted = file._floating.read_tensor(tensor)[0].transpose(2, 0, 1)
        assert sqnr_db(wanted, file.activations(tensor)) > 15, tensor


def mixed(bundle: edgeconv.Bundle, islands: frozenset[str], out: Path) -> Callable[[], Diagnosis]:
    """Writes int8 files of a bundle anew, with operators in float; walks through them."""
    vectors, model = bundle.golden, load(bundle.artifacts["onnx"])
    photos = [photo[None] for photo in vectors.samples.normalized]
    done = quantize(model, lambda: photos, recipe="fast")
    plan = with_islands(done.model, done.plan, islands)
    for name in ("model.onnx", "model.tflite"):
        shutil.copy(bundle.directory / name, out)
    write(done.model, out / "model.int8.tflite", "int8", plan, io="float32")
    onnx_writer.write(done.model, out / "model.int8.onnx", "int8", plan, io="float32")
    images = vectors.samples
    return lambda: diagnose(artifacts.present(out), images, vectors.reference, photos=1)


def test_operators_in_float_have_the_weights_that_equalization_left_them(
    bundle: edgeconv.Bundle, tmp_path: Path
) -> None:
    model = load(bundle.artifacts["onnx"])
    nodes = [node.name or "" for node in model.graph if not is_absorbed(node)]
    kept = [frozenset(nodes[:4]), frozenset(nodes[::2]), frozenset(nodes[5:9])]
    for number, islands in enumerate(kept):
        out = tmp_path / str(number)
        out.mkdir()
        assert mixed(bundle, islands, out)().findings == ()


@pytest.mark.parametrize("name", ["model.int8.onnx", "model.int8.tflite"])
def test_wrong_weights_of_an_operator_in_float_are_found(
    bundle: edgeconv.Bundle, name: str, tmp_path: Path
) -> None:
    walked = mixed(bundle, frozenset({"enter.0"}), tmp_path)

    def swapped(weight: np.ndarray) -> np.ndarray:
        weight = weight.copy()
        weight[[1, 4]] = weight[[4, 1]]
        return weight

    change = change_tflite_data if name.endswith("tflite") else change_onnx
    change(tmp_path / name, "enter.0.weight", swapped)
    first = walked().first_bad
    assert first is not None
    assert (first.tensor, first.artifact, first.kind) == ("enter.0", name[6:], "constants")
    assert "the weights of enter.0.weight" in first.message
    assert "output channel 1, 4" in first.message


@pytest.mark.parametrize(
    "repairs",
    [
        Repairs(copies={"stem.2": {99: 1}}),
        Repairs(offsets={"stem.2": (1.0, 2.0)}),
        Repairs(factors={"stem.2": (1.0, 2.0)}),
    ],
    ids=["copies", "offsets", "factors"],
)
def test_repairs_of_another_net_are_refused(bundle: edgeconv.Bundle, repairs: Repairs) -> None:
    with pytest.raises(BundleRefused, match="export the net again"):
        explained(bundle, repairs).activations("stem.2")
