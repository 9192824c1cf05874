"""Runs on a cluster alone: `watch`, `logs`, `stop`, `terminate`, `open`."""

from typing import Annotated

import typer

from .options import Output, OutputKind, named

Run = Annotated[
    str,
    typer.Argument(metavar="RUN", callback=named, help="Id of a run, its beginning, or the name of a workflow."),
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on to the end of the run.")]


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


def open_page(run: Run, output: OutputKind = Output.text) -> int:
    """Open the page of a run in Argo's user interface; prints its address."""
    from ..argo import connect
    from .steer import open_in_browser

    return open_in_browser(connect(), run, output)
