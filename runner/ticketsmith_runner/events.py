"""Events: what the runner tells the program that started it, one JSON object a line on standard output."""

import json
import os
import sys
from contextlib import suppress
from threading import Lock
from typing import Any

TERMINATION, MOST = "/dev/termination-log", 4096
"""File of a pod that Kubernetes keeps beyond its end, and how many bytes of it."""
FIX = "\n  fix: "
_out = Lock()


def tell(event: dict[str, Any]) -> None:
    """One event, one line, whole."""
    with _out:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()


def leave(text: str, place: str = TERMINATION) -> None:
    """Last words for whoever looks at a pod that is gone. No such file: this is no pod, and none is made."""
    with suppress(OSError):
        file = os.open(place, os.O_WRONLY | os.O_TRUNC)
        os.write(file, shortened(text))
        os.close(file)


def shortened(text: str, most: int = MOST) -> bytes:
    """An error as bytes, `most` of them. What is cut off is the end of the problem: its fix stays."""
    fix = _cut(FIX + text.rpartition(FIX)[2], most // 2) if FIX in text else b""
    return _cut(text.rpartition(FIX)[0] if fix else text, most - len(fix)) + fix


def _cut(text: str, most: int) -> bytes:
    """The first bytes, cut where a character ends."""
    return text.encode(errors="replace")[:most].decode(errors="ignore").encode()
