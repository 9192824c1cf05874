"""report.png: what every arm drew, side by side, as a picture of its own for those who show no page.

A block for each arm, from the left: dense, the ticket, the controls in the order of the spec. Pixels are stored, not
compressed, so that the bytes are the same on every machine. https://www.w3.org/TR/png-3/
"""

import struct
from collections.abc import Sequence
from zlib import adler32, crc32

from ..lottery.results import Picture
from .findings import Findings

ACROSS = 4  # pictures of a block, side by side
SIDE = 32  # pixels that a small picture is enlarged to, at most
GAP, APART = 2, 12  # pixels between pictures, and between blocks
PAPER = b"\xff\xff\xff"
STORED = 0xFFFF  # bytes of a part of zlib's that is not compressed

Rows = list[bytes]
"""Lines of red, green and blue."""


def render(findings: Findings) -> bytes | None:
    """The whole file; None where no arm drew pictures."""
    made = [[sample for sample in drawn if isinstance(sample, Picture)] for _, drawn in findings.drawn]
    blocks = [_block(pictures) for pictures in made if pictures]
    return encoded(_beside(blocks, APART)) if blocks else None


def encoded(rows: Rows) -> bytes:
    """A PNG in colour, 8 bits each."""
    header = struct.pack(">IIBBBBB", len(rows[0]) // 3, len(rows), 8, 2, 0, 0, 0)
    lines = b"".join(b"\0" + row for row in rows)  # a line is itself, and no difference to another
    firsts = range(0, len(lines), STORED)
    parts = [(first == firsts[-1], lines[first : first + STORED]) for first in firsts]
    stored = b"".join(struct.pack("<BHH", last, len(part), len(part) ^ STORED) + part for last, part in parts)
    data = b"\x78\x01" + stored + struct.pack(">I", adler32(lines))
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc32(kind + content))
        for kind, content in chunks
    )


def _block(pictures: Sequence[Picture]) -> Rows:
    """The pictures of one arm, four in a row."""
    rows: Rows = []
    for first in range(0, len(pictures), ACROSS):
        line = _beside([_enlarged(picture) for picture in pictures[first : first + ACROSS]], GAP)
        rows += [PAPER * (len(line[0]) // 3)] * (GAP if rows else 0) + line
    width = max(map(len, rows))
    return [row.ljust(width, b"\xff") for row in rows]


def _beside(parts: Sequence[Rows], gap: int) -> Rows:
    """Parts from left to right, the lower ones filled up with paper."""
    height = max(map(len, parts))
    filled = [[*rows, *[PAPER * (len(rows[0]) // 3)] * (height - len(rows))] for rows in parts]
    return [(PAPER * gap).join(line) for line in zip(*filled, strict=True)]


def _enlarged(image: Picture) -> Rows:
    """Each pixel as a square of some."""
    times = max(1, SIDE // max(image.height, image.width))
    pixels, depth = bytes.fromhex(image.pixels), image.channels
    rows: Rows = []
    for first in range(0, len(pixels), image.width * depth):
        line = range(first, first + image.width * depth, depth)
        rows += [b"".join(pixels[at : at + depth] * (3 // depth) * times for at in line)] * times
    return rows
