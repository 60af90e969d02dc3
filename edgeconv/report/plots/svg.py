"""A Matplotlib figure as inline SVG for a page: themed, titled, with texts of a fixed width."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from xml.etree import ElementTree as ET

from matplotlib.figure import Figure

from edgeconv.report.plots import theme
from edgeconv.report.plots.canvas import text_width

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_SIZE = re.compile(r"([\d.]+)px")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_COLOR = re.compile(r"#[0-9a-f]{6}\b")


def inline(figure: Figure, name: str, *, label: str, titles: Mapping[str, str]) -> str:
    """The figure as an <svg> element.

    Args:
        figure: drawn under `canvas.settings(name)`.
        name: unique on the page; ids begin with it.
        label: what a screen reader says of the whole.
        titles: what hovering a mark tells, by the mark's gid.
    """
    written = io.BytesIO()
    figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    root = ET.fromstring(written.getvalue())
    for aside in (*root.findall(f"{_SVG}metadata"), *root.findall(f"{_SVG}defs")):
        if aside.find(f".//{_SVG}path") is None and aside.find(f".//{_SVG}clipPath") is None:
            root.remove(aside)
    _rename(root, name, titles)
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        for attribute in ("style", "fill", "stroke"):
            if attribute in element.attrib:
                element.set(attribute, _themed(element.attrib[attribute]))
        if element.tag == "text":
            _hold_width(element)
    attributes = {"viewBox": root.attrib["viewBox"], "role": "img", "aria-label": label}
    root.attrib.clear()
    root.attrib.update(attributes)
    return ET.tostring(root, encoding="unicode")


def _rename(root: ET.Element, name: str, titles: Mapping[str, str]) -> None:
    """Keeps the ids that something refers to, made unique on the page, and gives titles."""
    used = set()
    for element in root.iter():
        if _HREF in element.attrib:
            reference = element.attrib.pop(_HREF)[1:]
            used.add(reference)
            element.set("href", f"#{name}-{reference}")
        if "clip-path" in element.attrib:
            reference = element.attrib["clip-path"]
            used.update(_REFERENCE.findall(reference))
            element.set("clip-path", _REFERENCE.sub(rf"url(#{name}-\1)", reference))
    for element in root.iter():
        own = element.attrib.pop("id", None)
        if own in used:
            element.set("id", f"{name}-{own}")
        if own is not None and own in titles:
            title = ET.Element("title")
            title.text = titles[own]
            element.insert(0, title)


def _themed(style: str) -> str:
    return _COLOR.sub(lambda found: theme.VARIABLES.get(found[0], found[0]), style)


def _hold_width(element: ET.Element) -> None:
    """Labels were placed by widths, so any font has to keep to them."""
    words = element.text or ""
    size = _SIZE.search(element.attrib.get("style", ""))
    if not words.strip() or size is None:
        return
    element.set("textLength", f"{text_width(words, float(size[1])):.1f}")
    element.set("lengthAdjust", "spacingAndGlyphs")
    style = re.sub(r"font(-family)?:[^;]*;?", "", element.attrib["style"])
    element.set("style", f"font-size: {size[1]}px; {style.strip()}")
