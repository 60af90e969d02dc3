"""Whatever comes from outside is shown on one line, spelled out and short."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeconv.runtime.plain import plain, shortened

TEXT = st.text(st.characters() | st.sampled_from("\x1b\x07\x7f\x9b\u202e\u2066\u2028\ud800\n\r"))


@given(TEXT)
def test_nothing_is_left_that_steers(text: str) -> None:
    assert plain(text).isprintable()


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_what_is_printable_stays(text: str) -> None:
    assert plain(text) == text


@given(TEXT.map(lambda text: 40 * text), st.integers(16, 300))
def test_a_message_has_at_most_so_many_bytes(text: str, most: int) -> None:
    shown = plain(text, most)
    assert len(shown.encode()) <= most
    assert shown.isprintable()
    if len(plain(text).encode()) <= most:
        assert shown == plain(text)


def test_a_message_keeps_what_was_wrong_and_the_way_out() -> None:
    shown = plain(f"this is wrong: {'é' * 400_000}; do that", 200)
    assert shown.startswith("this is wrong: é")
    assert shown.endswith("é; do that")
    assert "..." in shown


@pytest.mark.parametrize("length", [10, 20, 21, 400_000])
def test_a_name_keeps_its_ends(length: int) -> None:
    name = "a" * (length - 1) + "z"
    shown = shortened(name, 20)
    assert shown == name if length <= 20 else len(shown) == 20
    assert shown[0] == "a"
    assert shown[-1] == "z"
