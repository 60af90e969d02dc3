"""TOML files of preprocessing: what they state, what is refused, and the options beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgeconv.cli.options.export import Input
from edgeconv.data.stated import Stated
from edgeconv.errors import RefusedError, UsageError
from edgeconv.nets.stated_file import read_stated

WHOLE = """
input_size = [96, 128]
resize = 110
mean = [0.5, 0.4, 0.3]
std = [1, 0.5, 0.25]
interpolation = "bicubic"
labels = ["cat", "dog"]
"""


def written(place: Path, text: str) -> Path:
    path = place / "p.toml"
    path.write_text(text)
    return path


def test_every_key_is_read(tmp_path: Path) -> None:
    said = read_stated(written(tmp_path, WHOLE))
    assert said.input_size == (96, 128)
    assert said.stated == Stated((0.5, 0.4, 0.3), (1.0, 0.5, 0.25), 110, "bicubic", ("cat", "dog"))


def test_what_is_absent_is_not_stated(tmp_path: Path) -> None:
    said = read_stated(written(tmp_path, 'resize = "stretch"\n'))
    assert said.input_size is None
    assert said.stated == Stated(resize="stretch")


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_one_of_mean_and_std_is_enough(channels: int, tmp_path: Path) -> None:
    said = read_stated(written(tmp_path, f"mean = {[0.5] * channels}\n"))
    assert said.stated == Stated(mean=(0.5,) * channels)


@pytest.mark.parametrize("between", [", ", ",\n"])
def test_a_thousand_names_of_classes_are_read(between: str, tmp_path: Path) -> None:
    names = tuple(f"class number {number}" for number in range(1001))
    text = f"labels = [{between.join(map(json.dumps, names))}]"
    assert read_stated(written(tmp_path, text)).stated.labels == names


def test_an_option_counts_before_the_file(tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("a\nb\n")
    given: dict[str, Any] = dict.fromkeys(("mean", "std", "resize", "interpolation", "label_names"))
    given |= {"preprocessing": written(tmp_path, WHOLE), "resize": "stretch", "label_names": names}
    options = Input(**given)
    stated = options.stated(options.file().stated)
    assert (stated.resize, stated.labels) == ("stretch", ("a", "b"))
    assert (stated.mean, stated.interpolation) == ((0.5, 0.4, 0.3), "bicubic")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("means = [0, 0, 0]", "'means' is no key of it; known: input_size, resize, mean, std"),
        ("[mean]\nred = 1", "mean is {'red': 1}; it must be three numbers, one of grey, or four"),
        ("mean = [0, 0]", "must be three numbers, one of grey, or four"),
        ("std = [0, 1, 1]", "each must be greater than 0"),
        ("std = [inf, 1, 1]", "three finite numbers"),
        ("resize = 9000", "1 to 8192 are possible"),
        ('resize = "fit"', 'must be an integer or "stretch"'),
        ("resize = true", "must be an integer"),
        (f"mean = [{'9' * 399}, 0, 0]", "must be three numbers, one of grey, or four"),
        ("input_size = [1e2, 4]", "two integers"),
        ('interpolation = "nearest"', "allowed: bilinear, bicubic"),
        ("labels = []", "a list of texts"),
        ('labels = ["a", 3]', "a list of texts"),
        ('labels = ["a\\nb"]', "each in one line"),
        ("resize = 1\nresize = 2", "no TOML"),
        ("a" + ".a" * 100 + " = 1", "dots"),
        (f"resize = 0x{'f' * 500}", "digits"),
    ],
)
def test_what_is_no_preprocessing_is_refused(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as refused:
        read_stated(written(tmp_path, text))
    assert words in str(refused.value)
    assert str(tmp_path) in str(refused.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        read_stated(tmp_path / "none.toml")
    with pytest.raises(RefusedError, match="cannot be read"):
        read_stated(tmp_path)
    with pytest.raises(RefusedError, match="cannot be read: File name too long"):
        read_stated(tmp_path / f"{'a' * 300}.toml")
    with pytest.raises(RefusedError, match="larger than 256 KiB"):
        read_stated(written(tmp_path, "#" * 300_000))


def test_the_form_is_that_of_a_manifest(tmp_path: Path) -> None:
    """Whoever has a bundle may copy the values out of it."""
    said = read_stated(written(tmp_path, WHOLE))
    assert said.input_size is not None
    whole = said.stated.whole(3, said.input_size, "net").to_json()
    lines = [f"{key} = {json.dumps(value)}" for key, value in whole.items()]
    assert read_stated(written(tmp_path, "\n".join(lines))).stated == Stated(
        **{**vars(said.stated), "labels": None}
    )
