"""Logs of a workflow's pods from the Kubernetes API, which knows pods one by one: they are asked in turn."""

from collections import Counter
from collections.abc import Callable, Iterator

from . import Document
from .http import Connection, quoted

EVERY = 2.0  # seconds between two rounds


def lines(
    connection: Connection, namespace: str, workflow: str, *, go_on: Callable[[], bool]
) -> Iterator[tuple[str, str]]:
    """(pod, line) of the main containers, oldest pod first; again for what is new, as long as `go_on` says so."""
    path = f"api/v1/namespaces/{quoted(namespace)}/pods"
    labels = {"labelSelector": f"workflows.argoproj.io/workflow={workflow}"}
    counts: Counter[str] = Counter()
    ended: set[str] = set()
    while True:
        more = go_on()  # asked before the pods: what they say until then is still read
        pods: list[Document] = connection.call("GET", path, params=labels).get("items") or []
        for pod in sorted(pods, key=_age):
            name, state = pod["metadata"]["name"], _main(pod)
            if name in ended or not state or "waiting" in state:
                continue
            every = connection.lines(f"{path}/{quoted(name)}/log", params={"container": "main"})
            for line in list(every)[counts[name] :]:
                counts[name] += 1
                yield name, line.decode(errors="replace")
            if "terminated" in state:
                ended.add(name)
        if not more:
            return
        connection.sleep(EVERY)


def _age(pod: Document) -> tuple[str, str]:
    return str(pod["metadata"].get("creationTimestamp")), str(pod["metadata"]["name"])


def _main(pod: Document) -> Document:
    """`waiting`, `running` or `terminated`: the state of the main container; empty before there is one."""
    states = pod["status"].get("containerStatuses") or []
    return next((status["state"] for status in states if status["name"] == "main"), {})
