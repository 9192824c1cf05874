"""Bitmaps of Google's Noto Color Emoji (SIL Open Font License 1.1), which Debian has as `fonts-noto-color-emoji`."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ticketsmith.errors import UsageError

FONT = "NotoColorEmoji.ttf"
DEBIAN = Path("/usr/share/fonts/truetype/noto")
SIDE = 32


def files(root: Path) -> list[Path]:
    """The font, in `root` or where Debian puts it. Raises UsageError where it is in neither."""
    for folder in (root, DEBIAN):
        if (folder / FONT).is_file():
            return [folder / FONT]
    raise UsageError(
        f"{FONT} is neither in {str(root)!r} nor in {DEBIAN}",
        "apt install fonts-noto-color-emoji, or give the folder that has the file with --data-root",
    )


def colours(path: Path) -> tuple[Tensor, list[int]]:
    """Images on white, (N, 3, 32, 32), uint8, and the group of each: all that begin with the same character.

    So the five tones of a hand and every profession of a woman stay together. Raises UsageError without fontTools.
    """
    try:
        from fontTools.ttLib import TTFont
    except ImportError as error:
        raise UsageError("reading the font takes fontTools", "pip install 'ticketsmith[emoji]'") from error
    with TTFont(path, lazy=True) as font:
        bitmaps, begins = font["CBDT"].strikeData[0], dict(_ligatures(font))
        numbers: dict[str, int] = {}
        groups = [numbers.setdefault(begins.get(name, name), len(numbers)) for name in bitmaps]
        return torch.stack([_on_white(bitmap.imageData) for bitmap in bitmaps.values()]), groups


def _ligatures(font: Any) -> Iterator[tuple[str, str]]:
    """The glyph of each sequence of characters, and the first of them."""
    for lookup in font["GSUB"].table.LookupList.Lookup:
        for table in lookup.SubTable:
            table = getattr(table, "ExtSubTable", table)
            for first, ligatures in getattr(table, "ligatures", {}).items():
                yield from ((ligature.LigGlyph, first) for ligature in ligatures)


def _on_white(png: bytes) -> Tensor:
    """A bitmap of any size in the middle of a square, then averaged down."""
    from PIL import Image

    image = Image.open(io.BytesIO(png)).convert("RGBA")
    side = max(image.size)
    square = Image.new("RGBA", (side, side), "white")
    square.alpha_composite(image, ((side - image.width) // 2, (side - image.height) // 2))
    small = square.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    return torch.from_numpy(np.array(small)).permute(2, 0, 1)
