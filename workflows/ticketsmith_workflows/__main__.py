"""`python -m ticketsmith_workflows`: what becomes of the templates.

render [FOLDER] [--check]           write every template, or name the files that are not current
print --profile t4 [--image IMAGE]  the templates of one profile as a JSON list
lint [--profile t4]                 what is wrong with them, one line each
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from ticketsmith.hardware import PROFILES

from .lint import lint
from .render import BUILD, document, render

FOLDER = Path("argo/base/rendered")
WRONG = 2  # exit code; 1 is what Python ends with when it dies


def main(argv: Sequence[str] | None = None) -> int:
    """Do it; 2 if a file is not current, or a template breaks a rule."""
    options = _parser().parse_args(argv)
    if options.command == "render":
        return _check(options.folder) if options.check else _write(options.folder)
    if options.command == "print":
        print(json.dumps([document(kind, options.profile, options.image) for kind in BUILD]))
        return 0
    profiles = [options.profile] if options.profile else list(PROFILES)
    problems = [
        f"{profile}/{kind}: {problem}"
        for profile in profiles
        for kind in BUILD
        for problem in lint(document(kind, profile), PROFILES[profile])
    ]
    print("".join(f"{line}\n" for line in problems), end="")
    return WRONG if problems else 0


def _write(folder: Path) -> int:
    for name, text in render():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return 0


def _check(folder: Path) -> int:
    files = dict(render())
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*.yaml")}
    stale = sorted(there ^ files.keys())
    stale += [name for name in files.keys() & there if _parsed((folder / name).read_text()) != _parsed(files[name])]
    for name in stale:
        print(f"{folder / name} is not what the templates render", file=sys.stderr)
    if stale:
        print("  fix: make render", file=sys.stderr)
    return WRONG if stale else 0


def _parsed(text: str) -> object:
    return yaml.safe_load(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ticketsmith_workflows", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    files = commands.add_parser("render")
    files.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    files.add_argument("--check", action="store_true", help="write nothing; 2 if a file is not current")
    one = commands.add_parser("print")
    one.add_argument("--profile", choices=PROFILES, required=True)
    one.add_argument("--image", help="instead of the name that an overlay replaces")
    commands.add_parser("lint").add_argument("--profile", choices=PROFILES)
    return parser


if __name__ == "__main__":
    sys.exit(main())
