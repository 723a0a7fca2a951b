"""Pictures of the demo shop's products: one drawing a category, in the colour that a product has."""

import re
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from typing import NamedTuple

_COLOURS = {
    "black": "#3a3f46",
    "blue": "#3f6ea3",
    "brown": "#8a5a3a",
    "clear": "#8fb4bd",
    "coral": "#e0735f",
    "moss-green": "#5f7d52",
    "natural": "#c9b48f",
    "plum": "#7c4a6d",
    "rust-orange": "#c4602f",
    "sand": "#c8a871",
    "silver": "#9aa5ae",
    "slate-blue": "#51708f",
    "stone-grey": "#8b8d86",
    "yellow": "#dba92c",
}
"""Each colour name of the catalogue, as a file's name writes it, in a shade that goes with the others."""

_PLAIN = "#2f6f4e"
"""Where a product has no colour: the shop's own."""

_NAME = re.compile(r"(?P<drawing>[a-z0-9-]+?)(?:--(?P<colour>[a-z-]+))?\.svg")


class Picture(NamedTuple):
    """One drawing in one colour; there are as many as drawings times colours, whatever names they are asked for by."""

    drawing: str
    colour: str
    """`#rrggbb`"""


class Drawings:
    """Drawings from a folder of SVG files whose colours are the words MAIN, DEEP, PALE and GROUND."""

    def __init__(self, folder: Traversable) -> None:
        self._drawings = {
            file.name.removesuffix(".svg"): file.read_text("utf-8")
            for file in folder.iterdir()
            if file.name.endswith(".svg")
        }

    def find(self, name: str) -> Picture | None:
        """`tents--moss-green.svg`, or `tents.svg` in the shop's own colour; None for a drawing there is not."""
        found = _NAME.fullmatch(name)
        if not found or found["drawing"] not in self._drawings:
            return None
        return Picture(found["drawing"], _COLOURS.get(found["colour"] or "", _PLAIN))

    def draw(self, picture: Picture) -> str:
        """The SVG of a picture that was found."""
        return _tinted(self._drawings[picture.drawing], _shades(picture.colour))


def _shades(colour: str) -> Mapping[str, str]:
    return {
        "MAIN": colour,
        "DEEP": _mixed(colour, "#10211a", 0.32),
        "PALE": _mixed(colour, "#ffffff", 0.45),
        "GROUND": _mixed(colour, "#f5f3ee", 0.86),
    }


def _tinted(drawing: str, shades: Mapping[str, str]) -> str:
    return re.sub("|".join(shades), lambda word: shades[word.group()], drawing)


def _mixed(one: str, other: str, share: float) -> str:
    """``share`` of ``other`` in ``one``; all three written as `#rrggbb`."""
    channels = zip(bytes.fromhex(one[1:]), bytes.fromhex(other[1:]), strict=True)
    return "#" + bytes(round(a + (b - a) * share) for a, b in channels).hex()
