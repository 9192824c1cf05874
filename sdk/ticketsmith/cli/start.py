"""Submit a run, or find it at work, and say where it can be seen."""

import json
from dataclasses import asdict
from typing import Any

import typer

from .. import __version__
from ..argo import Argo
from ..executors.argo import Submission, chosen, submit
from ..executors.image import missing
from ..executors.sending import send
from ..ledger import Ledger
from ..lottery.spec import Experiment
from ..runs import complete
from ..stores import Store
from ..transport import size
from .forecast import forecast
from .options import Output

INSTALL, USER = "uv pip install --python /opt/venv/bin/python --no-cache", "USER 65532:65532"
"""Lines of an image `FROM` ours."""


def start(
    argo: Argo,
    store: Store,
    spec: Experiment,
    *,
    data_root: str,
    mounted: bool,
    kind: str,
    profile: str | None,
    hours: float | None,
    price: float | None,
) -> tuple[Submission | None, dict[str, Any]]:
    """The Workflow that works on the run, None if nothing is left to do; and what programs want to know of it."""
    run, machines = spec.run_id(), chosen(argo, kind, profile)
    plan = forecast(spec, kind, machines, hours, price)
    told: dict[str, Any] = {"run": run, "workflow": None, "new": False, "link": None, "plan": asdict(plan)}
    if complete(Ledger(store, run), spec, 0 if kind == "train" else None):
        typer.echo(f"{run} is finished: nothing was submitted", err=True)
        return None, told
    typer.echo(str(plan), err=True)
    bring(store, spec, data_root, mounted)
    seconds = None if hours is None else round(hours * 3600)
    submission = submit(argo, store, spec, kind=kind, template=machines.template(kind), seconds=seconds)
    state = "submitted" if submission.new else "at work already"
    typer.echo(f"{state}: workflow {submission.name} in namespace {argo.namespace}", err=True)
    return submission, told | {"workflow": submission.name, "new": submission.new, "link": argo.link(submission.name)}


def bring(store: Store, spec: Experiment, data_root: str, mounted: bool) -> None:
    """Put what the pods need into the store, and say how far that has got, ten times or less."""

    def progress(path: str, done: int, of: int) -> None:
        if done == of or done % max(1, of // 10) == 0:
            typer.echo(f"data: {done} of {of} files are in {store.url}", err=True)

    if new := send(store, spec, data_root, mounted=mounted, done=progress):
        typer.echo(f"data: {size(new)} were sent", err=True)


def warn(spec: Experiment) -> None:
    """Name the libraries that the task imports and our image does not bring."""
    if names := missing(spec.task):
        recipe = (f"FROM ticketsmith/runner:{__version__}", "USER root", f"RUN {INSTALL} {' '.join(names)}", USER)
        typer.echo(
            f"{spec.task} imports {', '.join(names)}, which our image does not have. Build one from ours, and name it "
            "in the overlay (docs/cluster.md):" + "".join(f"\n  {line}" for line in recipe),
            err=True,
        )


def announce(told: dict[str, Any], output: Output) -> None:
    """Run id and link on standard output; what to do next on standard error."""
    if output is Output.json:
        typer.echo(json.dumps(told, indent=2))
        return
    typer.echo(told["run"])
    if told["link"]:
        typer.echo(told["link"])
    run = told["run"]
    if told["workflow"]:
        typer.echo(f"next:   ticketsmith watch {run}\n        ticketsmith logs {run} -f", err=True)
    typer.echo(f"{'' if told['workflow'] else 'next: ':8}ticketsmith fetch {run}", err=True)
