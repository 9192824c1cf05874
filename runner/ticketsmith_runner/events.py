"""Events: what the runner tells the program that started it, one JSON object a line on standard output."""

import json
import sys
from threading import Lock
from typing import Any

_out = Lock()


def tell(event: dict[str, Any]) -> None:
    """One event, one line, whole."""
    with _out:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()
