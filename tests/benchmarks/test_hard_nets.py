"""The hard nets that ship with the benchmarks: trained, and int8 keeps what they know."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import edgeconv
from edgeconv.data.preprocessing import normalize_batch
from edgeconv.nets.load import load_net
from edgeconv.runtime.adapt import Images, run_logits
from edgeconv.runtime.open import open_session

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
NETS = ("mobilenet_v3_small", "shufflenet_v2_x0_5", "efficientnet_b0")
IMAGES = 1056  # six of each class, so that chance moves agreement by half a point
TOP1 = 0.7  # chance is 0.6 %
AGREEMENT = 0.95


@pytest.fixture(scope="module")
def hard() -> Iterator[Any]:
    """The benchmarks' module, imported as they do: by name, from their own folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("_hard")


def test_these_are_all_of_them(hard: Any) -> None:
    assert set(hard.NETS) == set(NETS)
    assert {path.stem for path in hard.FOLDER.glob("*.safetensors")} == {*NETS, *hard.ATTENTION}
    assert sum(path.stat().st_size for path in hard.FOLDER.iterdir()) < 4_900_000


def test_images_repeat_and_sets_share_none(hard: Any) -> None:
    def drawn(seed: int) -> set[bytes]:
        return {pixels.tobytes() for pixels, _ in hard.images(seed, 40)}

    assert drawn(hard.TEST_SEED) == drawn(hard.TEST_SEED)
    seeds = (hard.TRAINING_SEED, hard.CALIBRATION_SEED, hard.TUNING_SEED)
    assert all(drawn(hard.TEST_SEED).isdisjoint(drawn(seed)) for seed in seeds)


def test_a_folder_holds_the_same_images_with_their_labels(hard: Any, tmp_path: Path) -> None:
    from edgeconv.data.folders import labelled
    from edgeconv.data.images import load_image

    hard.write_folder(tmp_path / "set", hard.TEST_SEED, 5)
    found = [(np.asarray(load_image(p.path)), p.label) for p in labelled(tmp_path / "set")]
    for (pixels, label), (drawn, wanted) in zip(found, hard.images(hard.TEST_SEED, 5), strict=True):
        np.testing.assert_array_equal(pixels, drawn)
        assert label == wanted


def test_spreading_scales_leaves_the_net_what_it_was(hard: Any) -> None:
    training = importlib.import_module("train_hard")
    images = torch.randn(2, 3, hard.SIDE, hard.SIDE, generator=torch.Generator().manual_seed(0))
    for case in training.CASES:
        module = training.build(case).eval()
        with torch.inference_mode():
            before = module(images)
        training.spread(module, 1.15)
        with torch.inference_mode():
            after = module(images)
        torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4 * float(before.abs().max()))
        scales = [link.writers[0].weight.detach() for link in training.links(module)]
        widest = max(float(scale.max() / scale.min()) for scale in scales)
        assert widest > 10, f"{case.net}: the scales are as they were"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "agreement"),
    [
        *((name, AGREEMENT) for name in (*NETS, "small_linear")),
        *((name, 0.97) for name in ("small_vit", "small_mobilevit")),
    ],
)
def test_int8_agrees_with_a_trained_net(
    hard: Any, name: str, agreement: float, tmp_path: Path
) -> None:
    source = f"{BENCHMARKS / hard.ATTENTION[name]}:{name}" if name in hard.ATTENTION else name
    net = load_net(source, weights=str(hard.weights(name)))
    drawn, labels = zip(*hard.images(hard.TEST_SEED, IMAGES), strict=True)
    images = Images(normalize_batch(drawn, net.preprocessing))
    with torch.inference_mode():
        top1 = net.module(torch.from_numpy(images.normalized)).argmax(1).numpy()
    assert (top1 == np.array(labels)).mean() > TOP1

    hard.write_folder(tmp_path / "calibration", hard.CALIBRATION_SEED, hard.CALIBRATION_COUNT)
    options = edgeconv.ExportOptions(
        int8=True,
        weights=str(hard.weights(name)),
        calib=tmp_path / "calibration",
        calib_samples=hard.CALIBRATION_COUNT,
        formats=("tflite",),
    )
    bundle = edgeconv.export_bundle(source, options, out=tmp_path / name)
    found = run_logits(open_session(bundle.artifacts["int8.tflite"]), images).argmax(1)
    assert (found == top1).mean() >= agreement
