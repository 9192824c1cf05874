"""The table of environment variables has every one that the sources read, and no other."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAME = re.compile(
    r"""["'](TICKETSMITH_[A-Z_]+|ARGO_[A-Z_]+|KUBECONFIG|STORAGE_EMULATOR_HOST|XDG_[A-Z_]+|NUMBA_[A-Z_]+|GITHUB_STEP_SUMMARY)["']"""
)


def test_each_variable_that_is_read_is_in_the_table() -> None:
    sources = [path.read_text() for folder in ("sdk", "runner", "workflows") for path in (ROOT / folder).rglob("*.py")]
    read = {name for text in sources for name in NAME.findall(text)}
    table = re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE)
    assert sorted(table) == sorted(read)
