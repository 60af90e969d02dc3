"""Colours, shapes and sizes of all figures.

Matplotlib is given plain colours and `svg` puts a CSS variable in the place of each, so that one
drawing serves light, dark and print.
"""

from __future__ import annotations

#: Sizes in CSS pixels of a figure's own coordinates.
FONT_PX = 12.0
SMALL_FONT_PX = 11.0

INK, GRID, FAINT, BAD, FRONT = "#010101", "#d9d9da", "#8a8a8b", "#c62828", "#5f6368"
#: Told apart by people who see no red or no green (Okabe and Ito 2008), darker on white.
SERIES = ("#0062a8", "#c04f00", "#007355", "#a04580", "#6b6300")
#: Matplotlib's marker, the sign in legends, and the same where hollow.
SHAPES = (
    ("o", "●", "○"),
    ("s", "■", "□"),
    ("^", "▲", "△"),
    ("D", "◆", "◇"),
    ("v", "▼", "▽"),
    ("*", "★", "☆"),
    ("<", "◄", "◅"),
    (">", "►", "▻"),
)

#: The variable that stands for a colour in the SVG.
VARIABLES = {
    INK: "currentColor",
    GRID: "var(--plot-grid)",
    FAINT: "var(--plot-faint)",
    BAD: "var(--plot-bad)",
    FRONT: "var(--plot-front)",
    **{color: f"var(--plot-{number})" for number, color in enumerate(SERIES)},
}
_LIGHT = {"grid": GRID, "faint": FAINT, "bad": BAD, "front": FRONT}
_DARK = {
    "grid": "#444548",
    "faint": "#96979a",
    "bad": "#ff8a80",
    "front": "#b4b8bd",
}
_DARK_SERIES = ("#6cb6ff", "#ffa657", "#4fd1a5", "#e79ac6", "#d8cf5a")


def _variables(named: dict[str, str], series_colors: tuple[str, ...]) -> str:
    numbered = {str(number): color for number, color in enumerate(series_colors)}
    return " ".join(f"--plot-{name}: {color};" for name, color in (named | numbered).items())


#: For the <style> of a page that shows figures; print is light. A page that lets its reader choose
#: sets the class "light" or "dark" on its root, and --plot-page to a background of its own.
STYLE = f"""
:root {{ {_variables(_LIGHT, SERIES)} }}
@media screen and (prefers-color-scheme: dark) {{ :root:not(.light) {{
  {_variables(_DARK, _DARK_SERIES)} }} }}
@media screen {{ :root.dark {{ {_variables(_DARK, _DARK_SERIES)} }} }}
figure.plot {{ margin: 1.5rem 0; }}
figure.plot figcaption {{ font-size: 13px; margin-bottom: .5rem; overflow-wrap: anywhere; }}
figure.plot figcaption strong {{ display: block; font-size: 15px; }}
.plot-panels {{ display: flex; flex-wrap: wrap; gap: 1rem; }}
.plot-panel {{ flex: 1 1 20rem; min-width: 0; max-width: 40rem; break-inside: avoid; }}
.plot-panel p, .plot-legend {{ font-size: 13px; margin: 0 0 .3rem; overflow-wrap: anywhere; }}
.plot-legend {{ display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; padding: 0; list-style: none; }}
.plot-panel svg {{ display: block; width: 100%; height: auto; overflow: visible; }}
.plot-panel svg text {{ font-family: system-ui, sans-serif; white-space: pre; paint-order: stroke;
  stroke: var(--plot-page, Canvas); stroke-width: 3px; stroke-linejoin: round; }}
figure.plot summary {{ cursor: pointer; font-size: 13px; }}
"""


def series(number: int) -> tuple[str, tuple[str, str, str]]:
    """The colour and the shape of one of many kinds.

    Of eight kinds no two have one shape, of forty no two are alike.
    """
    return SERIES[number % len(SERIES)], SHAPES[number % len(SHAPES)]
