"""Canonical JSON: one byte string per document, so that equal documents have equal digests."""

import json
from typing import Any


def canonical(document: Any) -> bytes:
    """Sorted keys, no spaces, UTF-8, one final newline. Raises ValueError on NaN and infinities."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"
