"""Workflows made up for tests, in the form in which Argo 4.1 has them."""

from typing import Any

Document = dict[str, Any]
SUCCEEDED = {"phase": "Succeeded", "exit": "0"}
PREEMPTED = {"phase": "Error", "message": "pod deleted"}
RUNNING = {"phase": "Running", "progress": "2/5"}


def pod(
    template: str,
    level: int | None,
    arm: str = "ticket",
    *attempts: dict[str, str],
    cohort: int = 0,
    **outputs: str,
) -> dict[str, Document]:
    """The nodes of a part: a Retry and its pods. An attempt is `phase`, `exit`, `message`, `progress`, `host`."""
    inputs = {"cohort": str(cohort), "level": str(level)} if level is not None else {"run-id": "r"}
    inputs |= {"arm": arm} if template == "chain" else {}
    name = f"{template}-{level}-{arm}" + (f"-of-{cohort}" if cohort else "")
    common = {"templateName": template, "inputs": {"parameters": _parameters(inputs)}}
    pods = {f"{name}-{number}": _attempt(f"{name}-{number}", number, each) for number, each in enumerate(attempts)}
    last = attempts[-1]["phase"] if attempts else "Pending"
    retry = common | {
        "id": name,
        "type": "Retry",
        "phase": last if last in ("Succeeded", "Failed", "Error") else "Running",
        "children": list(pods),
        "outputs": {"parameters": _parameters(outputs)},
    }
    return {name: retry} | {key: common | value for key, value in pods.items()}


def workflow(name: str, *parts: dict[str, Document], phase: str = "Running", **more: Any) -> Document:
    """A Workflow with these parts. `run` is its run if it is not its name; other keys are laid over it."""
    run = more.pop("run", name)
    ended = {"finishedAt": "2026-01-01T00:05:00Z"} if phase in ("Succeeded", "Failed", "Error") else {}
    nodes = {key: node for part in parts for key, node in part.items()}
    metadata = {
        "name": name,
        "labels": {"ticketsmith.dev/run": run, "ticketsmith.dev/kind": "imp", "ticketsmith.dev/attempt": "1"},
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "resourceVersion": "7",
    }
    status = {"phase": phase, "startedAt": "2026-01-01T00:00:00Z", "nodes": nodes} | ended
    return {"metadata": metadata, "spec": {"arguments": {}}, "status": status} | more


def _attempt(name: str, number: int, given: dict[str, str]) -> Document:
    ended = {"finishedAt": f"2026-01-01T00:0{number}:30Z"} if given["phase"] not in ("Running", "Pending") else {}
    return {
        "id": name,
        "type": "Pod",
        "phase": given["phase"],
        "message": given.get("message", ""),
        "progress": given.get("progress", "0/1"),
        "hostNodeName": given.get("host", "cpu"),
        "startedAt": f"2026-01-01T00:0{number}:00Z",
        "outputs": {"exitCode": given["exit"]} if "exit" in given else {},
    } | ended


def _parameters(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]
