"""Files for a test to read."""

from collections.abc import Mapping
from pathlib import Path

BOOM = 'raise SystemExit("this was imported")\n'
"""The first line of code that nobody may execute."""


def plant(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below a folder, and give the folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder
