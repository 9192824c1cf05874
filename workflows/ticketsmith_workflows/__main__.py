"""`python -m ticketsmith_workflows [FOLDER] [--check]`: render every template, or say which are not current."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from .render import render

FOLDER = Path("argo/base/rendered")


def main(argv: Sequence[str] | None = None) -> int:
    """Write the files; with `--check` write none, name those that differ, and return 1 if any does."""
    parser = argparse.ArgumentParser(prog="ticketsmith_workflows", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if a file is not current")
    options = parser.parse_args(argv)
    files = dict(render())
    if options.check:
        return _check(options.folder, files)
    for name, text in files.items():
        (options.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (options.folder / name).write_text(text)
    return 0


def _check(folder: Path, files: dict[str, str]) -> int:
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*.yaml")}
    stale = sorted(there ^ files.keys())
    stale += [name for name in files.keys() & there if _parsed((folder / name).read_text()) != _parsed(files[name])]
    for name in stale:
        print(f"{folder / name} is not what the templates render", file=sys.stderr)
    if stale:
        print("  fix: python -m ticketsmith_workflows", file=sys.stderr)
    return int(bool(stale))


def _parsed(text: str) -> object:
    return yaml.safe_load(text)


if __name__ == "__main__":
    sys.exit(main())
