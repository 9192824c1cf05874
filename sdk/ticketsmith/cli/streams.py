"""Standard output and error of a well-mannered command: their reader may leave, and show fewer characters than we know.

What is written after the reader has left goes nowhere, and the command ends with the code that it would have had.
"""

import codecs
import io
import sys
from typing import Any

PLAIN = {
    "−": "-", "–": "-", "—": "-", "…": "...", "\u00a0": " ", "\u2009": " ", "\u202f": " ", "×": "x", "θ": "theta",
    "•": "*", "→": "->", "≥": ">=", "≤": "<=", "“": '"', "”": '"', "‘": "'", "’": "'",
}  # fmt: skip
"""A minus sign that became a question mark would lie."""


class Leaving(io.FileIO):
    """A file descriptor whose reader may leave; an error stream that is full is given up as well."""

    left = False

    def __init__(self, number: int, *, at_all_costs: bool) -> None:
        super().__init__(number, "w", closefd=False)
        self.at_all_costs = at_all_costs

    def write(self, data: Any, /) -> int:
        if self.left:
            return len(data)
        try:
            return super().write(data)
        except BrokenPipeError:
            self.left = True
        except OSError:
            if self.at_all_costs:  # it must reach somebody: whoever calls has to know
                raise
            self.left = True
        return len(data)


def tame() -> None:
    """Make this process's standard streams so. One that somebody else has put in place is left alone."""
    codecs.register_error("plain", _plain)
    if sys.stdout is sys.__stdout__:
        sys.stdout = _tamed(sys.stdout, at_all_costs=True)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _tamed(sys.stderr, at_all_costs=False)


def left() -> bool:
    """Has the reader of standard output left? A command that only prints may end then."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return isinstance(raw, Leaving) and raw.left


def forget() -> None:
    """Give up what is not written yet: the interpreter would fail over it once more at its end."""
    for stream in (sys.stdout, sys.stderr):
        raw = getattr(getattr(stream, "buffer", None), "raw", None)
        if isinstance(raw, Leaving):
            raw.left = True


def _tamed(stream: Any, *, at_all_costs: bool) -> Any:
    """One that is closed (None) stays so."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.flush()
    raw = Leaving(stream.fileno(), at_all_costs=at_all_costs)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), stream.encoding, "plain",
        line_buffering=stream.line_buffering, write_through=stream.write_through,
    )  # fmt: skip


def _plain(error: UnicodeError) -> tuple[str, int]:
    """An error handler: what an encoding lacks, in characters that it has."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(PLAIN.get(character, "?") for character in text), error.end
