"""Stop, resume and open a run that is on a cluster."""

import json
import webbrowser
from collections.abc import Callable

import typer

from ..argo import Argo, ended
from ..errors import UsageError
from ..executors.argo import Submission, latest, parameter, run_of, submit
from ..ledger import Ledger
from ..runs import complete
from ..specs import read_stored
from ..stores import open_store
from .options import Output


def steer(argo: Argo, run: str, verb: Callable[[str], None], word: str, output: Output) -> int:
    """Do `verb` to the newest Workflow of a run. Raises UsageError if that has ended."""
    workflow = latest(argo, run)
    name = workflow["metadata"]["name"]
    if ended(workflow):
        raise UsageError(f"{name} has ended already", f"`ticketsmith status {name}`; to go on, `ticketsmith resume`")
    verb(name)
    _tell(run_of(workflow), name, word, output)
    return 0


def go_on(argo: Argo, run: str, output: Output) -> int:
    """Let a suspended Workflow go on; after one that has ended, submit another for what is missing."""
    workflow = latest(argo, run)
    name = workflow["metadata"]["name"]
    if not ended(workflow):
        argo.unsuspend(name)
        _tell(run_of(workflow), name, "going on", output)
        return 0
    submission = _again(argo, name)
    if submission is None:
        _tell(run_of(workflow), name, "finished: nothing is left to do", output)
    else:
        _tell(run_of(workflow), submission.name, "resumed", output)
    return 0


def open_in_browser(argo: Argo, run: str, output: Output) -> int:
    """Open the page of the newest Workflow of a run. Raises UsageError if nobody knows where it is."""
    name = latest(argo, run)["metadata"]["name"]
    link = argo.link(name)
    if link is None:
        raise UsageError(
            "the Kubernetes API does not know where Argo's user interface is", "set ARGO_SERVER to its host:port"
        )
    typer.echo(json.dumps({"workflow": name, "link": link}, indent=2) if output is Output.json else link)
    if output is Output.text:
        webbrowser.open(link)
    return 0


def _again(argo: Argo, name: str) -> Submission | None:
    """Submit the spec of an ended Workflow with its own template and store; None if its run is complete."""
    workflow = argo.get(name)
    kind = workflow["metadata"]["labels"]["ticketsmith.dev/kind"]
    store = open_store(str(parameter(workflow, "store")))
    spec = read_stored(store, str(parameter(workflow, "spec")))
    if complete(Ledger(store, run_of(workflow)), spec, 0 if kind == "train" else None):
        return None
    seconds = workflow["spec"].get("activeDeadlineSeconds")
    template = workflow["spec"]["workflowTemplateRef"]["name"]
    return submit(argo, store, spec, kind=kind, template=template, seconds=seconds)


def _tell(run: str, name: str, word: str, output: Output) -> None:
    if output is Output.json:
        typer.echo(json.dumps({"run": run, "workflow": name, "state": word}, indent=2))
        return
    typer.echo(f"{name}: {word}")
    typer.echo(f"next:   ticketsmith watch {name}", err=True)
