"""Trained nets look at the object, and so do their int8 files."""

from __future__ import annotations

import numpy as np
import pytest

import edgeconv
from edgeconv.data.images import load_image
from edgeconv.data.preprocessing import crop_pixels, normalize
from edgeconv.explain.explanation import Explanation, explain
from edgeconv.explain.gradcam import grad_cam
from edgeconv.explain.int8_file import Int8File, Pair
from edgeconv.nets.load import LoadedNet, load_net
from edgeconv.runtime.adapt import Images, dequantize
from edgeconv.runtime.metrics import sqnr_db
from tests.conftest import RealData

#: A dog on the left of the photo, the legs of its owner in the middle, grass elsewhere.
DOG = "4fc263d35a3ad3ee.jpg"
BULL_MASTIFF = 243


@pytest.fixture(scope="module")
def net(real_data: RealData) -> LoadedNet:
    return load_net("mobilenet_v2", weights=str(real_data.weights / "mobilenet_v2.safetensors"))


@pytest.fixture(scope="module")
def dog(net: LoadedNet, real_data: RealData) -> Images:
    pixels = crop_pixels(load_image(real_data.calibration / DOG), net.preprocessing)
    return Images(normalize(pixels, net.preprocessing)[None], pixels[None])


@pytest.fixture(scope="module")
def pair(real_data: RealData, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The TFLite files of a bundle."""
    options = edgeconv.ExportOptions(
        int8=True,
        formats=("tflite",),
        weights=str(real_data.weights / "mobilenet_v2.safetensors"),
        calib=real_data.calibration,
        calib_samples=16,
    )
    out = tmp_path_factory.mktemp("explain") / "mobilenet_v2"
    bundle = edgeconv.export_bundle("mobilenet_v2", options, out=out)
    files = bundle.artifacts
    return Pair(files["int8.tflite"], files["tflite"], bundle.repairs)


@pytest.fixture(scope="module")
def explanation(net: LoadedNet, dog: Images, pair: Pair) -> Explanation:
    return explain(net, dog, pair=pair)


def test_the_map_peaks_on_the_dog(explanation: Explanation):
    cam = explanation.floating.cam.map
    assert explanation.floating.top.index == BULL_MASTIFF
    assert explanation.layer == "features.18.2"
    assert np.unravel_index(cam.argmax(), cam.shape)[1] <= 2
    left, right = cam[:, :3], cam[:, 4:]
    assert left.sum() > 3 * right.sum()


def test_guided_backpropagation_sees_the_dog(explanation: Explanation):
    energy = np.square(explanation.guided).sum(0)
    assert energy[:, :112].sum() > 5 * energy[:, 112:].sum()


def test_the_int8_file_looks_at_the_same(explanation: Explanation):
    assert explanation.int8 is not None
    assert explanation.tensor == "features.18.2"
    assert explanation.int8.top.index == BULL_MASTIFF
    assert explanation.rank_correlation is not None
    assert explanation.rank_correlation > 0.9
    assert explanation.signed_rank_correlation > 0.9
    # After a global mean and a fully connected layer gradients do not depend on the activations.
    assert np.allclose(explanation.floating.cam.gradients, explanation.int8.cam.gradients)


def test_the_int8_files_activations_are_its_own(explanation: Explanation):
    assert explanation.int8 is not None
    assert not np.array_equal(
        explanation.floating.cam.activations, explanation.int8.cam.activations
    )
    assert 10 < explanation.activation_sqnr_db < 60


@pytest.mark.parametrize(
    "layer", ["features.2.conv.0.2", "features.10", "features.10.conv.3", "features.14.conv.1.2"]
)
def test_activations_come_back_on_the_float_nets_scale(
    net: LoadedNet, dog: Images, pair: Pair, layer: str
):
    import torch

    wanted = grad_cam(net.module, layer, torch.from_numpy(dog.normalized), 0).activations
    file = Int8File(pair, dog)
    tensor = file.find(wanted)
    assert tensor is not None
    assert sqnr_db(wanted, file.activations(tensor)) > 15
    if layer == "features.2.conv.0.2":  # equalized: in the file its channels are scaled
        session = file._int8
        raw = dequantize(session.read_tensor(tensor), session.tensor_specs()[tensor])[0]
        assert sqnr_db(wanted, raw.transpose(2, 0, 1)) < 5


def test_another_class_gives_another_map(net: LoadedNet, dog: Images, explanation: Explanation):
    trouser = explain(net, dog, wanted="jean", labels=edgeconv_labels())
    assert trouser.floating.explained.index == 608
    cam, dogs = trouser.floating.cam.map, explanation.floating.cam.map
    assert abs(np.corrcoef(cam.ravel(), dogs.ravel())[0, 1]) < 0.9


def edgeconv_labels() -> tuple[str, ...]:
    from edgeconv.nets.labels import categories

    return categories("imagenet1k")
