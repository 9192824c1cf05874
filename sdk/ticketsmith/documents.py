"""Canonical JSON: one byte string per document, so that equal documents have equal digests."""

import json
from typing import Any


def canonical(document: Any) -> bytes:
    """Sorted keys, no spaces, UTF-8, one final newline. Raises ValueError on NaN and infinities."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def ordered(document: Any) -> Any:
    """The same document with every section in the order of its keys.

    >>> list(ordered({"b": 1, "a": {"d": 2, "c": 3}})["a"])
    ['c', 'd']
    """
    if isinstance(document, dict):
        return {key: ordered(document[key]) for key in sorted(document)}
    return [ordered(under) for under in document] if isinstance(document, list) else document


def told(line: str) -> tuple[str, dict[str, Any] | None]:
    """The text of a line that the runner prints, and the event at its end: what a task prints may end in no newline.

    >>> told('50 %... {"event": "end", "code": 0}'), told("a warning")
    (('50 %... ', {'event': 'end', 'code': 0}), ('a warning', None))
    """
    text, mark, rest = line.rstrip("\n").partition('{"event": ')
    try:
        event = json.loads(mark + rest) if mark else None
    except ValueError:
        event = None
    return (text, event) if isinstance(event, dict) else (line.rstrip("\n"), None)
