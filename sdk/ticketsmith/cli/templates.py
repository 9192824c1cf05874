"""`ticketsmith templates`: the workflow templates, rendered, checked, compared with a cluster's, and put there."""

from typing import Annotated

import typer

from .options import Output, OutputKind
from .topics import Examples

app = typer.Typer(help="The workflow templates: render, check, compare, apply.", no_args_is_help=True, cls=Examples)

Folder = Annotated[str, typer.Argument(help="Folder to write: a sub-folder for each profile.")]
ProfileName = Annotated[str, typer.Option("--profile", help="Machines: t4, l4, cpu, local.")]
Installed = Annotated[
    str | None, typer.Option("--profile", help="Machines: t4, l4, cpu, local. [default: the one that is installed]")
]
Image = Annotated[
    str | None,
    typer.Option("--image", envvar="TICKETSMITH_IMAGE", help="The runner's image, best with its digest."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Let the cluster validate them and keep nothing.")]


@app.command()
def render(folder: Folder = "argo/base/rendered") -> int:
    """Write every template of every profile as YAML."""
    from ..renderer import render as run

    return run(["render", folder])[0]


@app.command()
def lint(profile: ProfileName = "t4", output: OutputKind = Output.text) -> int:
    """Check the templates without a cluster; with `argo` on the PATH, by it too. Exit code 2: something is wrong."""
    from .linting import lint_templates

    return lint_templates(profile, output)


@app.command()
def diff(profile: Installed = None, image: Image = None, output: OutputKind = Output.text) -> int:
    """Compare the templates with those in the cluster. Exit code 2 if they differ; images count with --image alone."""
    from ..argo import connect
    from ..executors.argo import chosen
    from .deploy import print_differences

    argo = connect()
    return print_differences(argo, profile or chosen(argo, "imp", None).name, image, output)


@app.command()
def apply(
    profile: ProfileName = "t4", image: Image = None, dry_run: DryRun = False, output: OutputKind = Output.text
) -> int:
    """Create or replace the templates of a profile in the namespace. Workflows that run keep what they started with."""
    from ..argo import connect
    from .deploy import apply_templates

    return apply_templates(connect(), profile, image, dry_run, output)
