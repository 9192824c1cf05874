"""Locks that nobody holds, as far as our own workflows tell, and that are not given.

Argo 4.1 may forget to wake whoever is next in the queue (docs/argo.md).
"""

import re
from collections.abc import Iterator, Mapping

from ..errors import TicketSmithError
from . import Argo, Document, ended, run_of

LOCKS = ("mutex", "semaphore")
WAITS = re.compile("^Waiting for .* lock")
"""Argo's words for a node that waits for a lock."""
LIMITS = "ticketsmith-limits"
"""ConfigMap of the semaphores' limits. A limit of 0 is a pause on purpose."""


def limits(argo: Argo) -> dict[str, str] | None:
    """Limits of the semaphores; None where they cannot be read."""
    try:
        config = argo.lookup(f"configmaps/{LIMITS}")
    except TicketSmithError:
        return None
    data = None if config is None else config.get("data") or {}
    return data and {f"{argo.namespace}/ConfigMap/{LIMITS}/{key}": limit for key, limit in data.items()}


def limited(lock: str) -> bool:
    """True for a semaphore of ours, which has a limit: a mutex has none."""
    return f"/ConfigMap/{LIMITS}/" in lock


def stuck(workflows: list[Document], known: Mapping[str, str] | None = None) -> Iterator[tuple[str, str]]:
    """(run, locks) of every run that waits for locks which no run of ours holds, and none of which is paused.

    `known` are limits, where they could be read. Who needs two locks may wait for one that is free behind
    somebody who waits for the other: that is no mistake.
    """
    held = {lock for holder in workflows for lock in _locks(holder, "holding")}
    held |= {lock for lock, limit in (known or {}).items() if limit == "0"}
    for workflow in workflows:
        awaited = set(_locks(workflow, "waiting")) if _queues(workflow) else set[str]()
        if awaited and not ended(workflow) and not awaited & held:
            yield run_of(workflow), ", ".join(sorted(awaited))


def _queues(workflow: Document) -> bool:
    """True if a node of it waits for a lock now: Argo leaves what has been waited for in the status."""
    nodes = workflow.get("status", {}).get("nodes")
    if not nodes:  # a list leaves them out
        return True
    return any(node.get("phase") == "Pending" and WAITS.search(node.get("message") or "") for node in nodes.values())


def _locks(workflow: Document, kind: str) -> Iterator[str]:
    """Locks that a Workflow has, or is queued for. One that was released stays in its status, without a holder."""
    status = workflow.get("status", {}).get("synchronization") or {}
    for name in LOCKS:
        claims = (status.get(name) or {}).get(kind) or []
        yield from (c[name] for c in claims if kind == "waiting" or c.get("holder") or c.get("holders"))
