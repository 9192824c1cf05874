"""Runs on a cluster: `list`, `status`, `watch`, `logs`, `stop`, `terminate`, `resume`, `open`."""

from typing import Annotated

import typer

from .options import Output, OutputKind

Run = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, its beginning, or the name of a workflow.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on to the end of the run.")]


def list_runs(output: OutputKind = Output.text) -> int:
    """List the workflows of a namespace, oldest first."""
    from ..argo import connect
    from .status import print_list

    print_list((argo := connect()).list(), argo.namespace, output)
    return 0


def status(run: Run, output: OutputKind = Output.text) -> int:
    """Show the rounds of a run as they are now."""
    from ..argo import connect
    from ..executors.argo import latest
    from .status import print_status

    argo = connect()
    name = latest(argo, run)["metadata"]["name"]
    print_status(argo.get(name), argo.link(name), output)
    return 0


def watch(run: Run, output: OutputKind = Output.text) -> int:
    """Show the rounds of a run live, to its end. Exit code: the verdict; Ctrl-C lets go of it, the run goes on."""
    from ..argo import connect
    from ..executors.argo import latest
    from .attach import attach

    argo = connect()
    name = latest(argo, run)["metadata"]["name"]
    return attach(argo, name, watch=output is Output.text, logs=False, output=output)


def logs(run: Run, follow: Follow = False, output: OutputKind = Output.text) -> int:
    """Print what the pods of a run printed; of pods that are gone, what was archived. JSON: one object a line."""
    from ..argo import connect
    from ..executors.argo import latest
    from .chatter import print_logs

    argo = connect()
    print_logs(argo, latest(argo, run), follow=follow, output=output)
    return 0


def stop(run: Run, output: OutputKind = Output.text) -> int:
    """End a run after its exit handler wrote the report of what is there. `resume` goes on from it."""
    from ..argo import connect
    from .steer import steer

    return steer(argo := connect(), run, argo.stop, "stopping", output)


def terminate(run: Run, output: OutputKind = Output.text) -> int:
    """End a run at once, without a report. What was committed is kept."""
    from ..argo import connect
    from .steer import steer

    return steer(argo := connect(), run, argo.terminate, "terminating", output)


def resume(run: Run, output: OutputKind = Output.text) -> int:
    """Go on with a run that was stopped, suspended or failed: finished steps are kept."""
    from ..argo import connect
    from .steer import go_on

    return go_on(connect(), run, output)


def open_page(run: Run, output: OutputKind = Output.text) -> int:
    """Open the page of a run in Argo's user interface; prints its address."""
    from ..argo import connect
    from .steer import open_in_browser

    return open_in_browser(connect(), run, output)
