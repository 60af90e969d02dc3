"""torchvision's transforms on PIL images are the judge of geometry and normalization."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from edgeconv.data.geometry import resized_size
from edgeconv.data.preprocessing import (
    Preprocessing,
    crop_pixels,
    normalize,
    normalize_batch,
    scaled_to,
)
from edgeconv.errors import ImageRefused, RefusedError, UsageError


@pytest.fixture(scope="module")
def transforms() -> Any:
    from edgeconv.nets.torchvision_shim import import_torchvision

    import_torchvision()
    from torchvision import transforms

    return transforms


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def judged(transforms: Any, image: Image.Image, pre: Preprocessing) -> Image.Image:
    mode = transforms.InterpolationMode(pre.interpolation)
    steps = [transforms.Resize(pre.resize, mode), transforms.CenterCrop(list(pre.input_size))]
    return transforms.Compose(steps)(image)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(
    ("width", "height", "resize", "input_size"),
    [
        (500, 375, 256, (224, 224)),
        (375, 500, 256, (224, 224)),
        (299, 299, 232, (224, 224)),
        (1000, 37, 40, (33, 64)),
        (61, 40, 200, (192, 160)),  # enlarged
        (40, 40, 40, (40, 40)),  # nothing to do
        (100, 80, 64, (97, 96)),  # padded above and below, odd
        (80, 100, 64, (64, 81)),  # padded left and right, odd
        (31, 17, 16, (64, 63)),  # padded all around
        (251, 256, 128, (97, 101)),  # odd differences, rounded half to even
    ],
)
def test_crops_equal_torchvision_bit_for_bit(
    transforms: Any,
    width: int,
    height: int,
    resize: int,
    input_size: tuple[int, int],
    interpolation: Any,
) -> None:
    pre = Preprocessing(input_size=input_size, resize=resize, interpolation=interpolation)
    image = noise(width, height)
    expected = np.asarray(judged(transforms, image, pre))
    np.testing.assert_array_equal(crop_pixels(image, pre), expected)


@settings(max_examples=60)
@given(
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.tuples(st.integers(1, 70), st.integers(1, 70)),
)
def test_a_stretched_photo_is_torchvisions_resize_to_both_sides(
    transforms: Any, size: tuple[int, int], input_size: tuple[int, int]
) -> None:
    image = noise(*size)
    expected = np.asarray(transforms.Resize(list(input_size))(image))
    pixels = crop_pixels(image, Preprocessing(input_size=input_size, resize="stretch"))
    np.testing.assert_array_equal(pixels, expected)


@settings(max_examples=60)
@given(
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.integers(1, 60),
    st.tuples(st.integers(1, 70), st.integers(1, 70)),
)
def test_crops_of_any_size_equal_torchvision(
    transforms: Any, size: tuple[int, int], resize: int, input_size: tuple[int, int]
) -> None:
    pre = Preprocessing(input_size=input_size, resize=resize)
    image = noise(*size)
    expected = np.asarray(judged(transforms, image, pre))
    np.testing.assert_array_equal(crop_pixels(image, pre), expected)


def test_normalization_equals_torchvision_on_every_pixel_value(transforms: Any) -> None:
    pre = Preprocessing(input_size=(16, 16), resize=16)
    pixels = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    steps = [transforms.ToTensor(), transforms.Normalize(pre.mean, pre.std)]
    expected = transforms.Compose(steps)(Image.fromarray(pixels)).numpy()
    result = normalize(pixels, pre)
    np.testing.assert_array_equal(result, expected)
    assert result.dtype == np.float32
    assert result.flags.c_contiguous


def test_batch_stacks_single_photos() -> None:
    pre = Preprocessing(input_size=(5, 7), resize=8)
    photos = [crop_pixels(noise(9, 9, seed), pre) for seed in range(3)]
    batch = normalize_batch(photos, pre)
    assert batch.shape == (3, 3, 5, 7)
    np.testing.assert_array_equal(batch[2], normalize(photos[2], pre))
    assert normalize_batch([], pre).shape == (0, 3, 5, 7)


def test_crop_takes_images_of_other_modes() -> None:
    grey = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
    pixels = crop_pixels(grey, Preprocessing(input_size=(8, 8), resize=8))
    np.testing.assert_array_equal(pixels, np.repeat(np.asarray(grey)[:, :, None], 3, axis=2))


def test_a_photo_too_narrow_to_scale_is_refused_before_memory_is_taken() -> None:
    with pytest.raises(ImageRefused, match=r"20000 x 1 pixels is too narrow.*5120000 x 256"):
        crop_pixels(Image.new("RGB", (20_000, 1)), Preprocessing())
    assert resized_size(20_000, 1, 256) == (5_120_000, 256)


def test_json_round_trip_keeps_everything() -> None:
    pre = Preprocessing((192, 160), 200, (0.1, 0.2, 0.3), (1 / 3, 0.5, 1.0), "bicubic")
    assert Preprocessing.from_json(pre.to_json()) == pre
    assert Preprocessing.from_json(json.dumps(pre.to_json())) == pre
    stretched = Preprocessing((320, 300), "stretch")
    assert Preprocessing.from_json(json.dumps(stretched.to_json())) == stretched
    assert Preprocessing.from_json({}) == Preprocessing()
    assert Preprocessing.from_json({"mean": [0, 0, 0]}).mean == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[1]", "is a JSON list"),
        ({"size": 3}, "unknown field 'size'.*input_size"),
        ({"input_size": 224}, "input_size is 224; it must be two integers"),
        ({"input_size": [224.0, 224.0]}, "two integers"),
        ({"input_size": [0, 224]}, "1 to 8192"),
        ({"resize": "256"}, "must be an integer"),
        ({"resize": True}, "must be an integer"),
        ({"resize": "squeeze"}, 'must be an integer or "stretch"'),
        ({"resize": ["stretch"]}, 'must be an integer or "stretch"'),
        ({"resize": 10**9}, "1 to 8192"),
        ({"mean": [0.5, 0.5]}, "three numbers"),
        ({"mean": [0.5, 0.5, float("nan")]}, "three finite numbers"),
        ({"std": [0.5, 0.5, 0]}, "greater than 0"),
        ({"std": "x" * 1000}, r"\.\.\.; it must be three numbers"),
        ({"interpolation": "lanczos"}, "allowed: bilinear, bicubic"),
        ({"interpolation": None}, "must be a string"),
    ],
)
def test_a_foreign_document_is_refused_with_the_reason(document: Any, message: str) -> None:
    with pytest.raises(RefusedError, match=f"(?s){message}"):
        Preprocessing.from_json(document)


def test_a_wrong_value_from_the_caller_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="resize is 0 pixels; 1 to 8192"):
        Preprocessing(resize=0)
    with pytest.raises(UsageError, match=r"'squeeze'; it is a number of pixels or stretch"):
        Preprocessing(resize="squeeze")  # type: ignore[arg-type]


def test_another_size_sees_the_same_share_of_a_photo() -> None:
    assert scaled_to(Preprocessing(), (112, 112)).resize == 128
    wide = scaled_to(Preprocessing(), (112, 448))
    assert (wide.input_size, wide.resize) == ((112, 448), 512)
    whole = Preprocessing((320, 320), "stretch")
    assert scaled_to(whole, (96, 64)) == Preprocessing((96, 64), "stretch")
