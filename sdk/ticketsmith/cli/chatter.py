"""Output of a run's pods, in words: the runner's events are JSON lines, made for programs."""

import json
from collections.abc import Iterator
from itertools import chain

import typer

from ..argo import Argo, Document
from ..argo.follow import lines
from ..argo.tree import tree
from ..stores import open_store
from .options import Output
from .streams import left


def print_logs(argo: Argo, workflow: Document, *, follow: bool, output: Output) -> None:
    """The lines of a Workflow's pods on standard output; first those of pods that are gone, from the archive."""
    name = workflow["metadata"]["name"]
    whole, now = argo.get(name), list(lines(argo, name, _say, follow=False))
    later = lines(argo, name, _say, follow=True) if follow else now
    for pod, line in chain(_archived(whole, {_tail(pod) for pod, _ in now}), later):
        _print(pod, line, output)
        if left():  # nobody reads on: to follow a run for hours would be of no use
            return


def said(line: str) -> str:
    """A line of a pod's log for people; empty for what is of no interest to them."""
    if line.startswith("time=") and " argo=true" in line:  # Argo's own, of starting and ending the process
        return ""
    try:
        event = json.loads(line)
    except ValueError:
        return line
    if not isinstance(event, dict) or "event" not in event:
        return line
    match event["event"]:
        case "replicate":
            return f"{event['step']} {event['done']}/{event['of']}"
        case "spent":
            return ", ".join(f"{name} {event[name]:g} s" for name in ("start", "store", "work") if name in event)
    return ""


def _archived(workflow: Document, live: set[str]) -> Iterator[tuple[str, str]]:
    """Lines that Argo archived, of pods that are not among the `live` ones."""
    repository = workflow.get("status", {}).get("artifactRepositoryRef", {}).get("artifactRepository", {})
    bucket = repository.get("gcs", {}).get("bucket")
    gone = [a for part in tree(workflow).parts for a in part.attempts if a.log and _tail(a.node) not in live]
    if not bucket or not gone:
        return
    store = open_store(f"gs://{bucket}")
    for attempt in gone:
        assert attempt.log is not None
        try:
            text = store.get(attempt.log).decode(errors="replace")
        except KeyError:  # its time in the bucket was over
            continue
        yield from ((attempt.node, line) for line in text.split("\n") if line)


def _tail(name: str) -> str:
    """The part that the name of a pod and the id of its node have in common."""
    return name.rpartition("-")[2]


def _print(pod: str, line: str, output: Output) -> None:
    if output is Output.json:
        typer.echo(json.dumps({"schema": "ticketsmith.log/1", "pod": pod, "line": line}))
    elif text := said(line):
        typer.echo(f"{pod}: {text}")


def _say(line: str) -> None:
    typer.echo(line, err=True)
