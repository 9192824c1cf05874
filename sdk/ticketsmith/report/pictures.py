"""A picture as inline SVG: runs of equal pixels as strokes of unit height. No data: URL, which policies block."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import groupby, product
from typing import TypeVar

from ..lottery.results import Picture
from .svg import Element, element

SIDE = 48  # pixels; larger pictures are averaged down to it
GREYS = 7  # grey levels beside the background; more cannot be told apart at this size
COLOURS = 6  # levels of a channel
Pixel = tuple[int, ...]
Level = TypeVar("Level", int, str)


def picture(image: Picture, words: str) -> Element:
    """One picture with its title. Grey is ink on the page, light or dark; colours are what they are."""
    size, pixels = _small(image)
    paths = _colours(pixels, *size) if image.channels == 3 else _greys(pixels, *size)
    box = f"0 0 {size[1]} {size[0]}"
    title = element("title", words)
    return element("svg", title, *paths, viewBox=box, role="img", shape_rendering="crispEdges")


def _small(image: Picture) -> tuple[tuple[int, int], list[Pixel]]:
    """Height, width and pixels; each of them the mean of a square, where the picture is larger than `SIDE`."""
    data, width, depth = bytes.fromhex(image.pixels), image.width, image.channels
    step = -(-max(image.height, width) // SIDE)
    rows, columns = range(0, image.height, step), range(0, width, step)

    def mean(top: int, left: int, channel: int) -> int:
        across = min(step, width - left)
        lines = ((y * width + left) * depth + channel for y in range(top, min(top + step, image.height)))
        values = [value for start in lines for value in data[start : start + across * depth : depth]]
        return round(sum(values) / len(values))

    pixels = [tuple(mean(y, x, channel) for channel in range(depth)) for y, x in product(rows, columns)]
    return (len(rows), len(columns)), pixels


def _greys(pixels: Sequence[Pixel], height: int, width: int) -> list[Element]:
    """One path for each grey level; the page shows through the lowest one."""
    runs = _runs([round(value / 255 * GREYS) for (value,) in pixels], height, width)
    return [element("path", d=runs[level], class_=f"grey{level}") for level in sorted(runs) if level]


def _colours(pixels: Sequence[Pixel], height: int, width: int) -> list[Element]:
    """The commonest colour as the background, and one path for each other one."""
    colours = [_colour(pixel) for pixel in pixels]
    behind = min(Counter(colours).items(), key=lambda item: (-item[1], item[0]))[0]
    runs = _runs(colours, height, width)
    ground = element("rect", width=width, height=height, fill=behind, stroke="none")
    return [ground, *(element("path", d=runs[colour], stroke=colour) for colour in sorted(runs) if colour != behind)]


def _colour(pixel: Pixel) -> str:
    """The nearest of 216 colours.

    >>> _colour((255, 40, 130))
    '#f39'
    """
    return "#" + "".join("0369cf"[round(value / 255 * (COLOURS - 1))] for value in pixel)


def _runs(levels: Sequence[Level], height: int, width: int) -> dict[Level, str]:
    """Strokes of each level, through the middle of its rows."""
    runs: dict[Level, list[str]] = defaultdict(list)
    for y in range(height):
        x = 0
        for level, cells in groupby(levels[y * width : (y + 1) * width]):
            length = len(list(cells))
            runs[level].append(f"M{x} {y}.5h{length}")
            x += length
    return {level: "".join(strokes) for level, strokes in runs.items()}
