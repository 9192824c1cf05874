"""`ticketsmith templates lint`: our own rules, and Argo's where its command is there."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import typer
import yaml

from ..errors import UsageError
from ..hardware import profile_named
from ..renderer import render, templates
from .options import Output
from .told import tell

LIMIT = 120.0  # seconds for `argo lint`


def lint_templates(profile: str, output: Output) -> int:
    """Print what is wrong; 2 if anything is. That `argo` is not there is said, and is no pass of its checks."""
    code, problems = render(["lint", "--profile", profile_named(profile).name])
    lines, argo = problems.splitlines(), shutil.which("argo")
    if argo:
        lines += _argo_lint(argo, profile)
    if output is Output.json:
        tell("templates-lint", {"problems": lines, "argo": bool(argo)})
    else:
        typer.echo("\n".join(lines) or "no problems found")
        typer.echo("argo lint: " + ("run" if argo else "not run, `argo` is not on the PATH"), err=True)
    return UsageError.code if code or lines else 0


def _argo_lint(argo: str, profile: str) -> list[str]:
    """Output of `argo lint --offline` for the templates; nothing if they pass."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for document in templates(profile, None):
            files.append(Path(folder) / f"{document['metadata']['name']}.yaml")
            files[-1].write_text(yaml.safe_dump(document))
        command = [argo, "lint", "--offline", "--no-color", *map(str, files)]
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
        except subprocess.TimeoutExpired:
            return [f"argo lint: no answer in {LIMIT:g} s"]
        text = (result.stdout + result.stderr).replace(f"{folder}/", "")
    return text.splitlines() if result.returncode else []
