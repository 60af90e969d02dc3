"""Outputs that join unlike quantities: each keeps its own accuracy in int8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from numpy.typing import NDArray

import edgeconv
from edgeconv.bundle.bundle import Bundle
from edgeconv.errors import BundleRefused, UsageError
from edgeconv.export.onnx import write as onnx_writer
from edgeconv.nets.load import load_net
from edgeconv.quantize.observe.observations import observe
from edgeconv.quantize.plan import planner
from edgeconv.quantize.plan.apart import Apart
from edgeconv.runtime.adapt import run_outputs
from edgeconv.runtime.open import open_session
from edgeconv.verify.accuracy.comparison import ComparisonTally
from edgeconv.verify.diagnose.walk import diagnose
from edgeconv.verify.parity.output_parts import OutputPart, OutputParts, worst_part
from tests.helpers.heads import write_heads

#: A part's own, in dB; 64 levels of 256 are 36.
LEAST_SQNR_DB = 30.0


def sqnr_db(real: NDArray[np.float32], made: NDArray[np.float32]) -> float:
    noise = np.square(real - made, dtype=np.float64).sum()
    return float(10 * np.log10(np.square(real, dtype=np.float64).sum() / max(noise, 1e-30)))


def exported(tmp_path: Path, name: str, **options: object) -> Bundle:
    target = f"{write_heads(tmp_path)}:{name}"
    chosen = edgeconv.ExportOptions(int8=True, recipe="fast", **options)  # type: ignore[arg-type]
    return edgeconv.export_bundle(target, chosen, out=tmp_path / name)


def outputs(bundle: Bundle, artifact: str) -> dict[str, NDArray[np.float32]]:
    """What a file gives for the golden photos, in PyTorch's layout."""
    session = open_session(bundle.artifacts[artifact])
    golden = bundle.golden
    images = golden.samples
    rows = [run_outputs(session, images[i : i + 1]) for i in range(len(golden.samples.normalized))]
    return {
        spec.name: np.concatenate([row[i] for row in rows])
        for i, spec in enumerate(session.outputs)
    }


def pytorch(tmp_path: Path, name: str, bundle: Bundle) -> object:
    net = load_net(f"{tmp_path / 'heads.py'}:{name}", weights="auto")
    with torch.no_grad():
        return net.module.eval()(torch.from_numpy(bundle.golden.samples.normalized.copy()))


@pytest.mark.parametrize("name", ["joined", "transposed", "nested", "scaled"])
def test_scores_beside_boxes_keep_their_accuracy_in_both_formats(tmp_path: Path, name: str) -> None:
    bundle = exported(tmp_path, name)
    real = pytorch(tmp_path, name, bundle)
    assert isinstance(real, torch.Tensor)
    axis = 1 if name == "joined" else 2
    for artifact in ("int8.onnx", "int8.tflite"):
        (made,) = outputs(bundle, artifact).values()
        for block in (slice(0, 4), slice(4, 10)):
            at = (slice(None),) * axis + (block,)
            assert sqnr_db(real.numpy()[at], made[at]) > LEAST_SQNR_DB, artifact
    assert bundle.parity_passed
    told = bundle.manifest["quantization"]["outputs_apart"]
    assert all(row["kept_apart"] for row in told)
    assert all(row["shared_step"] > 30 * row["step"] for row in told)
    assert told


@pytest.mark.parametrize("name", ["faint", "bins"])
def test_what_decodes_boxes_and_scores_loses_nothing_behind_the_layers(
    tmp_path: Path, name: str
) -> None:
    """Nor the order of scores that are all below a step of a sigmoid's int8 grid."""
    bundle = exported(tmp_path, name)
    real = pytorch(tmp_path, name, bundle)
    assert isinstance(real, torch.Tensor)
    for artifact in ("int8.onnx", "int8.tflite"):
        (made,) = outputs(bundle, artifact).values()
        boxes, scores = (slice(None), slice(0, 4)), (slice(None), slice(4, 10))
        assert sqnr_db(real.numpy()[boxes], made[boxes]) > 33.0, artifact
        assert sqnr_db(real.numpy()[scores], made[scores]) > LEAST_SQNR_DB, artifact
        order = [np.argsort(np.argsort(a[scores].ravel())) for a in (real.numpy(), made)]
        assert np.corrcoef(order)[0, 1] > 0.99, artifact
    assert bundle.parity_passed


def test_unlike_parts_that_are_taken_apart_again_keep_their_accuracy(tmp_path: Path) -> None:
    bundle = exported(tmp_path, "taken_apart")
    real = pytorch(tmp_path, "taken_apart", bundle)
    assert isinstance(real, dict)
    for artifact in ("int8.onnx", "int8.tflite"):
        for name, made in outputs(bundle, artifact).items():
            assert sqnr_db(real[name].numpy(), made) > LEAST_SQNR_DB, (artifact, name)
    ends = bundle.manifest["artifacts"]["int8.tflite"]["outputs"]
    assert [end["dtype"] for end in ends] == ["int8"] * 2
    assert bundle.parity_passed


def test_scores_below_a_step_of_a_sigmoids_grid_have_a_grid_of_their_own(tmp_path: Path) -> None:
    bundle = exported(tmp_path, "faint_alone")
    real = pytorch(tmp_path, "faint_alone", bundle)
    assert isinstance(real, dict)
    assert real["scores"].max() < 0.25
    for artifact in ("int8.onnx", "int8.tflite"):
        made = outputs(bundle, artifact)["scores"]
        made = made.transpose(0, 3, 1, 2) if artifact == "int8.tflite" else made
        assert sqnr_db(real["scores"].numpy(), made) > LEAST_SQNR_DB, artifact
    assert bundle.manifest["artifacts"]["int8.tflite"]["outputs"][1]["dtype"] == "int8"
    assert bundle.parity_passed


def test_the_layer_that_writes_unlike_channels_computes_in_float(tmp_path: Path) -> None:
    bundle = exported(tmp_path, "one_layer")
    real = pytorch(tmp_path, "one_layer", bundle)
    assert isinstance(real, torch.Tensor)
    for artifact in ("int8.onnx", "int8.tflite"):
        (made,) = outputs(bundle, artifact).values()
        made = made.transpose(0, 3, 1, 2) if artifact == "int8.tflite" else made
        for channel in range(6):
            assert sqnr_db(real.numpy()[:, channel], made[:, channel]) > LEAST_SQNR_DB


def test_parts_that_are_alike_stay_in_int8(tmp_path: Path) -> None:
    bundle = exported(tmp_path, "alike")
    assert bundle.manifest["quantization"]["outputs_apart"] == []
    assert bundle.quantization["tensors"]["islands"] == []


def test_split_outputs_gives_every_part_its_own_output(tmp_path: Path) -> None:
    bundle = exported(tmp_path, "several", split_outputs=True)
    real = pytorch(tmp_path, "several", bundle)
    assert isinstance(real, dict)
    assert bundle.parity_passed
    wanted = [real["found"][:, :4], real["found"][:, 4:], real["pooled"]]
    for artifact in ("onnx", "tflite", "int8.onnx", "int8.tflite"):
        made = list(outputs(bundle, artifact).values())
        for one, other in zip(wanted, made, strict=True):
            if other.ndim == 4 and artifact.endswith("tflite"):
                other = other.transpose(0, 3, 1, 2)
            assert sqnr_db(one.numpy(), other.reshape(one.shape)) > LEAST_SQNR_DB
    ends = bundle.manifest["artifacts"]["int8.tflite"]["outputs"]
    assert [end["dtype"] for end in ends] == ["int8"] * 3
    assert len({end["scale"] for end in ends}) == 3


def test_a_lost_part_fails_however_loud_the_other_is() -> None:
    generator = np.random.default_rng(0)
    boxes = generator.uniform(0, 640, (4, 4, 50)).astype(np.float32)
    scores = generator.uniform(0, 1, (4, 6, 50)).astype(np.float32)
    reference = np.concatenate([boxes, scores], 1)
    step = np.float32(640 / 255)
    spoilt = np.round(reference / step) * step
    parts = {
        "found": OutputParts(
            (
                OutputPart("boxes", (0, 0), (4, 50), 640 / 255),
                OutputPart("scores", (4, 0), (10, 50), 1 / 256),
            )
        )
    }
    assert sqnr_db(reference, spoilt) > 40
    found = worst_part(parts, {"found": reference}, [spoilt], sqnr_db=10.0)
    assert found is not None
    assert (found.part, found.passed) == ("scores", False)
    own = spoilt.copy()
    own[:, 4:] = np.round(scores * 256) / 256
    found = worst_part(parts, {"found": reference}, [own], sqnr_db=10.0)
    assert found is not None
    assert found.passed


def test_a_part_that_is_quiet_on_these_photos_passes_within_its_own_steps() -> None:
    """Scores of photos without any object: next to nothing, and rounded to nothing."""
    reference = np.full((2, 6, 50), 2e-3, np.float32)
    parts = {"scores": OutputParts((OutputPart("scores", (0, 0), (6, 50), 1 / 256),))}
    found = worst_part(parts, {"scores": reference}, [np.zeros_like(reference)], sqnr_db=10.0)
    assert found is not None
    assert found.passed


def test_a_channel_that_is_gone_fails() -> None:
    reference = np.random.default_rng(0).normal(size=(2, 5, 8, 8)).astype(np.float32)
    made = reference.copy()
    made[:, 3] = 0
    found = worst_part(
        {"map": OutputParts((), channel_axis=1)}, {"map": reference}, [made], sqnr_db=5.0
    )
    assert found is not None
    assert (found.part, found.passed) == ("channel 3", False)


def test_a_channel_below_the_noise_of_its_layer_passes() -> None:
    generator = np.random.default_rng(0)
    reference = generator.normal(size=(2, 5, 8, 8)).astype(np.float32)
    reference[:, 3] *= 0.05
    made = reference + generator.normal(size=reference.shape).astype(np.float32) * 0.1
    found = worst_part(
        {"map": OutputParts((), channel_axis=1)}, {"map": reference}, [made], sqnr_db=10.0
    )
    assert found is not None
    assert found.sqnr_db < 0
    assert found.passed


@pytest.mark.parametrize(
    "document",
    [
        {"parts": [], "channel_axis": 3},
        {"parts": [{"name": "a", "start": [0], "stop": [9], "step": 0}], "channel_axis": None},
        {"parts": [{"name": "a", "start": ["x"], "stop": [1], "step": 0}], "channel_axis": None},
        {"parts": 3, "channel_axis": None},
        [],
    ],
)
def test_an_edited_manifest_is_refused(document: object) -> None:
    with pytest.raises(BundleRefused, match="manifest"):
        OutputParts.from_json(document, (1, 4))


def test_diagnose_names_the_part_that_one_scale_has_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of one scale for boxes and scores, as other tools write it."""
    bundle = exported(tmp_path, "joined")
    hub = ir.from_proto(onnx.load(bundle.artifacts["onnx"]))
    photos = [bundle.golden.samples.normalized[i : i + 1] for i in range(8)]
    seen = observe(hub, photos)
    monkeypatch.setattr(planner, "keep_apart", lambda _model, _seen: Apart())
    spoilt = planner.build_plan(hub, seen)
    onnx_writer.write(hub, tmp_path / "one.onnx", "int8", spoilt, io="float32")
    files = {"onnx": bundle.artifacts["onnx"], "int8.onnx": tmp_path / "one.onnx"}
    golden = bundle.golden
    images = golden.samples
    found = diagnose(files, images, golden.reference).findings
    assert [(f.kind, f.artifact) for f in found] == [("output", "int8.onnx")]
    assert "sigmoid" in found[0].message


def test_a_bound_on_top_1_is_refused_for_an_output_of_unlike_parts(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="joins"):
        exported(tmp_path, "vector", max_drop=1.0)


def test_eval_tells_the_parts_of_logits_apart() -> None:
    generator = np.random.default_rng(0)
    loud, quiet = generator.normal(size=(20, 4)) * 100, generator.normal(size=(20, 6))
    tally = ComparisonTally({"loud": slice(0, 4), "quiet": slice(4, 10)})
    labels = np.zeros(20, np.int64)
    tally.add(np.hstack([loud, quiet]), np.hstack([loud, 0 * quiet]), labels)
    found = tally.result()
    assert found.sqnr_db > 30
    assert found.parts["quiet"] == pytest.approx(0)
