"""The Markdown as a GitHub step summary: appended to the file that the workflow runner names."""

import os
from collections.abc import Mapping

from . import markdown
from .findings import Findings

VARIABLE = "GITHUB_STEP_SUMMARY"
LIMIT = 900_000  # bytes; GitHub refuses the whole summary above 1 MiB
CUT = "\n\nThe summary was cut here; report.md is whole.\n"


def step_summary(findings: Findings, environment: Mapping[str, str] = os.environ) -> bool:
    """Append the report to the step summary; False where there is none."""
    path = environment.get(VARIABLE)
    if not path:
        return False
    with open(path, "ab") as file:
        file.write(capped(markdown.render(findings)))
    return True


def capped(text: bytes, limit: int = LIMIT) -> bytes:
    """At most `limit` bytes, cut after a whole line and said so.

    >>> capped(b"short")
    b'short'
    """
    if len(text) <= limit:
        return text
    room = text[: limit - len(CUT.encode())]
    return room[: room.rfind(b"\n") + 1] + CUT.encode()
