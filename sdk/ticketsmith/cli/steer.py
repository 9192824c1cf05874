"""Stop, resume and open a run that is on a cluster."""

import webbrowser
from collections.abc import Callable
from dataclasses import asdict, dataclass

import typer

from ..argo import Argo, Document, ended, run_of
from ..errors import UsageError
from ..executors.argo import Submission, latest, parameter, profile_of, submit
from ..executors.limits import Limits, limits_of
from ..ledger import Ledger
from ..runs import complete
from ..specs import read_stored
from ..stores import open_store
from .ceiling import Terms, seconds, terms
from .estimate import Estimate
from .forecast import forecast, limits
from .options import Output
from .start import foretell
from .told import tell
from .voice import hint


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Limits as they were asked for."""

    hours: float | None
    cost: float | None
    price: str | None
    prices: str | None
    typed: bool
    """True: a price stands on the command line. False: it may be the environment's, which is about no run alone."""


def steer(argo: Argo, run: str, verb: Callable[[str], None], word: str, output: Output) -> int:
    """Do `verb` to the newest Workflow of a run. Raises UsageError if that has ended."""
    workflow = latest(argo, run)
    name = workflow["metadata"]["name"]
    if ended(workflow):
        raise UsageError(f"{name} has ended already", f"to go on, `ticketsmith resume {name} --cluster`")
    verb(name)
    _tell(run_of(workflow), name, word, output)
    return 0


def go_on(argo: Argo, run: str, asked: Asked, output: Output) -> int:
    """Let a suspended Workflow go on; after one that has ended, submit another for what is missing.

    The new one has the limits that are asked for, and those of the one before where none are: either may end it. A cost
    is what it may cost from here on. Raises UsageError where there is none.
    """
    workflow = latest(argo, run)
    name = workflow["metadata"]["name"]
    if not ended(workflow):
        if (asked.hours, asked.cost) != (None, None):
            raise UsageError(
                f"{name} is at work, and its limit is fixed", f"`ticketsmith stop {name}`, then the same command again"
            )
        argo.unsuspend(name)
        _tell(run_of(workflow), name, "going on", output)
        return 0
    if (resumed := _again(argo, name, asked)) is None:
        _tell(run_of(workflow), name, "finished: nothing is left to do", output)
    else:
        submission, about = resumed
        _tell(run_of(workflow), submission.name, "resumed", output, estimate=asdict(about) if about else None)
    return 0


def open_in_browser(argo: Argo, run: str, output: Output) -> int:
    """Open the page of the newest Workflow of a run. Raises UsageError if nobody knows where it is."""
    name = latest(argo, run)["metadata"]["name"]
    link = argo.link(name)
    if link is None:
        raise UsageError(
            "the Kubernetes API does not know where Argo's user interface is", "set ARGO_SERVER to its host:port"
        )
    if output is Output.json:
        tell("link", {"workflow": name, "link": link})
    else:
        typer.echo(link)
        webbrowser.open(link)
    return 0


def _again(argo: Argo, name: str, asked: Asked) -> tuple[Submission, Estimate | None] | None:
    """Submit the spec of an ended Workflow with its own template and store; None if its run is complete."""
    workflow = argo.get(name)
    kind = workflow["metadata"]["labels"]["ticketsmith.dev/kind"]
    store = open_store(str(parameter(workflow, "store")))
    spec = read_stored(store, str(parameter(workflow, "spec")))
    if complete(Ledger(store, run_of(workflow)), spec, 0 if kind == "train" else None):
        return None
    template, agreed = workflow["spec"]["workflowTemplateRef"]["name"], _terms(workflow, asked)
    if (machines := profile_of(workflow)) is not None:
        plan = forecast(spec, kind, machines, agreed)
        about, end = foretell(argo, store, spec, kind, machines, plan), limits(plan, agreed)
    elif agreed.cost is None:
        about, end = None, Limits(seconds=seconds(agreed, 0, 0), price=agreed.price, hours=agreed.hours)
    else:
        raise UsageError("this version does not know the profile of that workflow", "`ticketsmith submit` it again")
    return submit(argo, store, spec, kind=kind, template=template, limits=end), about


def _terms(workflow: Document, asked: Asked) -> Terms:
    """Those that are asked for, each in place of the one of the Workflow before, whose price the environment leaves.

    Raises UsageError for a price list on the command line that names no price.
    """
    before, price, prices = limits_of(workflow), asked.price, asked.prices
    if before.price and not asked.typed:
        price, prices = str(before.price), None
    agreed = terms(asked.hours or before.hours, asked.cost or before.cost, price, prices)
    if asked.typed and agreed.price is None:
        raise UsageError(f"--prices: which machine of {prices} is the run on?", "name it: --price NAME")
    return agreed


def _tell(run: str, name: str, word: str, output: Output, **more: object) -> None:
    if output is Output.json:
        tell("steer", {"run": run, "workflow": name, "state": word, **more})
        return
    typer.echo(f"{name}: {word}")
    hint(f"ticketsmith watch {name}")
