"""The workflow templates of this version, from the renderer: a child process, so that Hera is never imported here."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from .errors import UsageError
from .hardware import profile_named


def render(arguments: Sequence[str]) -> tuple[int, str]:
    """Run the renderer; returns its exit code and standard output. What it says on standard error goes through."""
    child = subprocess.run(
        [sys.executable, "-P", "-m", "ticketsmith_workflows", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return child.returncode, child.stdout


def templates(profile: str, image: str | None) -> list[dict[str, Any]]:
    """The WorkflowTemplates of one profile. Raises UsageError if the renderer cannot: the reason was said before."""
    profile_named(profile)
    code, text = render(["print", "--profile", profile, *(["--image", image] if image else [])])
    if code:
        raise UsageError(
            f"the templates of profile {profile!r} were not rendered", "`pip install 'ticketsmith[workflows]'`"
        )
    documents: list[dict[str, Any]] = json.loads(text)
    return documents
