"""Submit a run, or find it at work, and say where it can be seen."""

from dataclasses import asdict
from typing import Any

import typer

from .. import __version__
from ..argo import Argo
from ..executors.argo import Submission, chosen, submit
from ..executors.image import missing as missing_libraries
from ..executors.sending import check_device, send
from ..hardware import Profile
from ..ledger import Ledger
from ..lottery.spec import Experiment
from ..runs import complete, missing
from ..stores import Store
from ..transport import size
from .ceiling import Terms
from .commands import command
from .estimate import Estimate, estimate
from .forecast import Forecast, forecast, limits
from .measured import measured
from .needed import needed
from .options import Output
from .told import tell
from .voice import hint, note

INSTALL, USER = "uv pip install --python /opt/venv/bin/python --no-cache", "USER 65532:65532"
"""Lines of an image `FROM` ours."""
KEPT = "its limits are those that it began with: {1}; for others: `ticketsmith stop {0}`, then the same command again"
UNMEASURED = "no run of this task was measured on this profile yet: there is a bound, and no estimate"


def start(
    argo: Argo,
    store: Store,
    spec: Experiment,
    *,
    data_root: str,
    mounted: bool,
    kind: str,
    profile: str | None,
    terms: Terms,
    meant: bool,
) -> tuple[Submission | None, dict[str, Any]]:
    """The Workflow that works on the run, None if nothing is left to do; and what programs want to know of it.

    `meant`: the device was named, so that a GPU may be left idle.
    """
    run, machines = spec.run_id(), chosen(argo, kind, profile)
    if not meant:
        check_device(spec, machines)
    plan = forecast(spec, kind, machines, terms)
    told: dict[str, Any] = {
        "run": run,
        "store": store.url,
        "workflow": None,
        "new": False,
        "link": None,
        "plan": asdict(plan),
        "estimate": None,
    }
    if complete(Ledger(store, run), spec, 0 if kind == "train" else None):
        typer.echo(f"{run} is finished: nothing was submitted", err=True)
        return None, told
    about = foretell(argo, store, spec, kind, machines, plan)
    bring(store, spec, data_root, mounted)
    template = machines.template(kind)
    submission = submit(argo, store, spec, kind=kind, template=template, limits=limits(plan, terms))
    state = "submitted" if submission.new else "at work already"
    note(f"{state}: workflow {submission.name} in namespace {argo.namespace}")
    if submission.seconds != plan.seconds:
        plan = kept(submission, spec, kind, machines, terms)
    return submission, told | {
        "plan": asdict(plan),
        "workflow": submission.name,
        "new": submission.new,
        "link": argo.link(submission.name),
        "estimate": asdict(about) if about else None,
    }


def kept(submission: Submission, spec: Experiment, kind: str, machines: Profile, terms: Terms) -> Forecast:
    """The bound by the limit that a Workflow at work has; said to whoever asked for another, however quiet."""
    hours = None if submission.seconds is None else submission.seconds / 3600
    plan = forecast(spec, kind, machines, Terms(hours=hours, price=terms.price))
    if (terms.hours, terms.cost) != (None, None):
        most = "" if plan.dollars is None else f", ${plan.dollars:,.2f} at most"
        typer.echo(KEPT.format(submission.name, f"{plan.hours:.4g} h{most}"), err=True)
    return plan


def foretell(
    argo: Argo, store: Store, spec: Experiment, kind: str, machines: Profile, plan: Forecast
) -> Estimate | None:
    """Say the bound of a run, and the estimate of what is left of it."""
    note(str(plan))
    about = before(argo, store, spec, kind, machines, plan.price)
    note(f"{about}{_besides(plan, kind, spec)}" if about else UNMEASURED)
    return about


def _besides(plan: Forecast, kind: str, spec: Experiment) -> str:
    """Pods that an estimate leaves out, as nobody knows yet whether a verdict will ask for them."""
    past = f"; up to {plan.beyond} rounds past the target come on top" * bool(plan.beyond)
    return "; each further look takes about as much" * (kind == "imp" and spec.cohorts > 1) + past


def before(
    argo: Argo, store: Store, spec: Experiment, kind: str, machines: Profile, price: float | None
) -> Estimate | None:
    """The estimate of what is left of a run, from others of its task; None where none was measured."""
    steps = missing(Ledger(store, spec.run_id()), spec, 0 if kind == "train" else None)
    pods = needed(steps, spec.replicates)
    return estimate(pods, measured(argo, store, spec, machines, pods.values()), machines, price)


def bring(store: Store, spec: Experiment, data_root: str, mounted: bool) -> None:
    """Put what the pods need into the store, and say how far that has got, ten times or less."""

    def progress(path: str, done: int, of: int) -> None:
        if done == of or done % max(1, of // 10) == 0:
            note(f"data: {done} of {of} files are in {store.url}")

    if new := send(store, spec, data_root, mounted=mounted, done=progress):
        note(f"data: {size(new)} were sent")


def warn(spec: Experiment) -> None:
    """Name the libraries that the task imports and our image does not bring."""
    if names := missing_libraries(spec.task):
        recipe = (f"FROM ticketsmith/runner:{__version__}", "USER root", f"RUN {INSTALL} {' '.join(names)}", USER)
        typer.echo(
            f"{spec.task} imports {', '.join(names)}, which our image does not have. Build one from ours, and name it "
            "in the overlay (docs/cluster.md):" + "".join(f"\n  {line}" for line in recipe),
            err=True,
        )


def announce(told: dict[str, Any], output: Output) -> None:
    """Run id and link on standard output; what to do next on standard error."""
    if output is Output.json:
        tell("submission", told)
        return
    typer.echo(told["run"])
    if told["link"]:
        typer.echo(told["link"])
    run = told["run"]
    watching = [f"ticketsmith watch {run}", f"ticketsmith logs {run} -f"] if told["workflow"] else []
    hint(*watching, command("fetch", run, store=told["store"]))
