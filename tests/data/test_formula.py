from __future__ import annotations

import re

import numpy as np
import pytest

from edgeconv.data.formula import affine, describe_input
from edgeconv.data.preprocessing import Preprocessing, normalize

PRE = Preprocessing(input_size=(16, 16), resize=20)
PIXELS = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)


def test_affine_is_normalization_and_quantization_in_one_step() -> None:
    scale, zero_point = 0.0186, -14
    quantized = normalize(PIXELS, PRE).astype(np.float64) / scale + zero_point
    for channel, (factor, offset) in enumerate(affine(PRE, scale, zero_point)):
        folded = factor * PIXELS[..., channel] + offset
        np.testing.assert_allclose(folded, quantized[channel], atol=1e-4)


def test_an_app_that_follows_the_printed_numbers_gets_the_same_int8() -> None:
    text = describe_input(PRE, "int8", 0.0186, -14)
    printed = re.findall(r"round\(([\d.]+) \* pixel ([+-]) ([\d.]+)\)", text)
    assert len(printed) == 3
    exact = np.rint(normalize(PIXELS, PRE).astype(np.float64) / 0.0186) - 14
    for channel, (factor, sign, offset) in enumerate(printed):
        values = np.rint(float(factor) * PIXELS[..., channel] + float(sign + offset))
        np.testing.assert_array_equal(values, exact[channel])


def test_uint8_input_takes_pixels_as_they_are() -> None:
    assert "Feed the pixels as they are" in describe_input(PRE, "uint8")


def test_geometry_is_spelled_out() -> None:
    text = describe_input(Preprocessing((192, 160), 200, interpolation="bicubic"), "float32")
    assert "short side is 200 pixels (bicubic" in text
    assert "160 wide, 192 high" in text


def test_a_stretched_photo_is_not_cut() -> None:
    text = describe_input(Preprocessing((192, 160), "stretch"), "uint8")
    assert "whole photo to 160 wide, 192 high" in text
    assert "Cut" not in text
    assert [line[:2] for line in text.splitlines()] == ["1.", "2.", "3."]


def test_int8_needs_its_parameters() -> None:
    with pytest.raises(ValueError, match="scale and a zero point"):
        describe_input(PRE, "int8")
