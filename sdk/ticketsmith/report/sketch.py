"""Samples in a terminal: a text of each arm, or its pictures in characters, so that even a log can show them."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from ..lottery.results import Picture
from .findings import Findings

INK = " .:-=+*#%@"
WIDTH, MOST = 72, 8  # characters of a line, pictures side by side
LONGEST = 300  # characters of a text
SIDE = 16  # characters that a picture is wide, at most


def sketch(findings: Findings) -> Iterator[str]:
    """Lines; none where nothing was drawn."""
    for name, made in findings.drawn:
        pictures = [sample for sample in made if isinstance(sample, Picture)]
        yield f"{name}:"
        yield from (
            _pictures(pictures) if pictures else [_text(sample) for sample in made if isinstance(sample, str)][:1]
        )


def _text(made: str) -> str:
    """One line, without what could steer a terminal."""
    plain = "".join(character if character.isprintable() else " " for character in made[:LONGEST])
    return f"{plain} ..." if len(made) > LONGEST else plain


def _pictures(pictures: Sequence[Picture]) -> Iterator[str]:
    drawn = [_drawn(picture) for picture in pictures]
    count = max(1, min(MOST, WIDTH // (max(len(line) for lines in drawn for line in lines) + 1)))
    for lines in zip_longest(*drawn[:count], fillvalue=""):
        yield " ".join(lines).rstrip()


def _drawn(image: Picture) -> list[str]:
    """A character for a square of pixels that is twice as high as wide, as characters are."""
    step = -(-image.width // SIDE)
    data, depth = bytes.fromhex(image.pixels), image.channels
    lines = []
    for top in range(0, image.height, 2 * step):
        cells = []
        for left in range(0, image.width, step):
            rows = range(top, min(top + 2 * step, image.height))
            spans = [(y * image.width + left) * depth for y in rows]
            values = [value for at in spans for value in data[at : at + min(step, image.width - left) * depth]]
            cells.append(INK[round(sum(values) / len(values) / 255 * (len(INK) - 1))])
        lines.append("".join(cells))
    return lines
