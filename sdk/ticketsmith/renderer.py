"""The workflow templates of this version, from the renderer: a child process, so that Hera is never imported here."""

import json
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from .endings import chosen
from .errors import UsageError
from .hardware import profile_named

INSTALL = "`pip install 'ticketsmith[workflows]'`"


def render(arguments: Sequence[str]) -> tuple[int, str]:
    """Run the renderer; returns its exit code and standard output. What it says on standard error goes through."""
    if find_spec("hera") is None:
        raise UsageError("hera, which renders the templates, is not installed", INSTALL)
    argv = [sys.executable, "-P", "-m", "ticketsmith_workflows", *arguments]
    child = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
    print(child.stderr, end="", file=sys.stderr)
    return chosen(child.returncode, "the renderer of templates"), child.stdout


def templates(profile: str, image: str | None) -> list[dict[str, Any]]:
    """The WorkflowTemplates of one profile. Raises UsageError if the renderer cannot: the reason was said before."""
    profile_named(profile)
    code, text = render(["print", "--profile", profile, *(["--image", image] if image else [])])
    if code:
        raise UsageError(f"the templates of profile {profile!r} were not rendered", INSTALL)
    documents: list[dict[str, Any]] = json.loads(text)
    return documents
