"""Matplotlib, set up the same whatever the machine: no matplotlibrc, no installed font."""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from edgeconv.report.plots import theme
from edgeconv.runtime.plain import plain, shortened

#: One pixel of ours is one point of Matplotlib's.
_DPI = 72
_FONT = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
#: Most fonts of systems are narrower than DejaVu Sans by about a tenth.
_NARROWER = 0.9
#: What is wide in the scripts of East Asia takes a whole em.
_WIDE = frozenset("WF")
#: Any: to the type checker the names are literals.
_SETTINGS: Any = {
    "svg.fonttype": "none",
    "font.size": theme.FONT_PX,
    "font.family": "DejaVu Sans",
    "text.parse_math": False,
    "text.color": theme.INK,
    "axes.edgecolor": theme.FAINT,
    "axes.labelcolor": theme.INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": False,
    "xtick.labelcolor": theme.INK,
    "ytick.labelcolor": theme.INK,
    "xtick.color": theme.FAINT,
    "ytick.color": theme.FAINT,
    "xtick.labelsize": theme.SMALL_FONT_PX,
    "ytick.labelsize": theme.SMALL_FONT_PX,
    "grid.color": theme.GRID,
    "grid.linewidth": 0.8,
}


@contextmanager
def settings(salt: str) -> Iterator[None]:
    """Matplotlib as figures need it; `salt` goes into the names of shared shapes."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # the reader's own fonts draw them
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS | {"svg.hashsalt": salt})
        yield


def figure(width: float, height: float) -> Figure:
    """An empty figure of so many pixels, transparent."""
    made = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
    made.patch.set_visible(False)
    return made


def axes(made: Figure, left: float, top: float, right: float, bottom: float) -> Axes:
    """Axes inside margins in pixels."""
    width, height = made.get_size_inches() * _DPI
    inner = (width - left - right, height - top - bottom)
    place = (left / width, bottom / height, inner[0] / width, inner[1] / height)
    added = made.add_axes(place)
    added.patch.set_visible(False)
    return added


def text_width(words: str, size: float) -> float:
    """Pixels that a text is given, whatever font draws it: the SVG holds it to them."""
    return size * sum(map(_ems, words))


@lru_cache(maxsize=4096)
def _ems(char: str) -> float:
    """Width of one character in sizes of the font."""
    if unicodedata.east_asian_width(char) in _WIDE:
        return 1.0
    font = FontProperties(fname=str(_FONT), size=100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the font may lack it
        width, _, _ = TextToPath().get_text_width_height_descent(char, font, ismath=False)
    return float(width) / 100 * _NARROWER


def plain_text(words: str) -> str:
    """What a title or a label of a drawing may hold: one line, 400 characters at most."""
    return shortened(plain(words))


def fitted(words: str, width: float, size: float) -> str:
    """The text on one line, with an ellipsis for its middle where it is wider than allowed."""
    words = plain_text(words)
    if text_width(words, size) <= width:
        return words
    low, high = 0, len(words)
    while low < high:
        kept = (low + high + 1) // 2
        low, high = (
            (kept, high) if text_width(_cut(words, kept), size) <= width else (low, kept - 1)
        )
    return _cut(words, low)


def _cut(words: str, kept: int) -> str:
    """The end is what tells names of one family apart, so it gets the larger half."""
    tail = kept - kept // 2
    return f"{words[: kept // 2]}…{words[len(words) - tail :]}"
