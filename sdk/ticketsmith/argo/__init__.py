"""Talking to Argo Workflows: one protocol, two ways to the same cluster. Which one, the environment says.

With `ARGO_SERVER` set, the Argo Server (its other variables mean what they mean to the `argo` command); without, the
Kubernetes API of the kubeconfig. A workflow is what the API says it is: a JSON document.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from ..errors import Conflict, UsageError

Document = dict[str, Any]
"""A Kubernetes object, as the API has it."""


TEMPLATES = "app.kubernetes.io/name=ticketsmith"
"""Label selector of TicketSmith's templates."""


class Missing(UsageError):
    """There is no such object."""


class AlreadyThere(Conflict):
    """An object of this name exists."""


class Argo(Protocol):
    """Argo Workflows in one namespace. Every call may raise Retryable (out of reach), Denied or UsageError."""

    namespace: str
    where: str
    """For messages: `Argo Server at https://…`."""

    def version(self) -> str | None:
        """Version of Argo Workflows, `v4.1.2`; None where this transport cannot know."""

    def templates(self) -> list[Document]:
        """TicketSmith's WorkflowTemplates in the namespace."""

    def apply(self, template: Document, *, dry_run: bool = False) -> None:
        """Create or replace a WorkflowTemplate. With `dry_run`, the API validates and keeps nothing."""

    def create(self, workflow: Document, *, dry_run: bool = False) -> Document:
        """Create a Workflow. Raises AlreadyThere if its name is taken."""

    def get(self, name: str) -> Document:
        """A Workflow with its nodes. Raises Missing."""

    def list(self, run: str | None = None) -> list[Document]:
        """TicketSmith's Workflows, oldest first; those of one run if `run` is its whole id. Nodes may be left out."""

    def events(self, name: str) -> Iterator[Document]:
        """States of a Workflow, the present one first, until the stream closes. Raises Missing once it is deleted."""

    def logs(self, name: str, *, follow: bool) -> Iterator[tuple[str, str]]:
        """(pod, line) of the main containers of a Workflow; with `follow`, until it has ended or the stream breaks."""

    def stop(self, name: str) -> None:
        """Start no more pods, end those that run, then run the exit handler."""

    def terminate(self, name: str) -> None:
        """End at once; the exit handler does not run."""

    def unsuspend(self, name: str) -> None:
        """Let a suspended Workflow go on; of any other, have the controller take another look."""

    def allowed(self, verb: str, resource: str) -> bool | None:
        """May this user `verb` the `resource` (`workflows`, `pods/log`)? None where this transport cannot ask."""

    def lookup(self, path: str, namespace: str | None = None) -> Document | None:
        """An object or a list of Kubernetes' own: `nodes`, and in a namespace (this one) `configmaps/NAME`.

        None where this transport cannot ask. Raises Missing, Denied.
        """

    def link(self, name: str) -> str | None:
        """The page of a Workflow in Argo's user interface, if this transport knows where that is."""


def hints(namespace: str, silent: str, unknown: str) -> dict[int, str]:
    """Fixes by status: for silence, for 401 and for 403, whose `{role}` is the one that the call needs."""
    bind = f"kubectl -n {namespace} create rolebinding ticketsmith-you --role={{role}} --user=YOU"
    return {0: silent, 401: unknown, 403: f"bind the role: `{bind}`"}


def ended(workflow: Document) -> bool:
    """Has it come to its end, exit handler included?"""
    return bool(workflow.get("status", {}).get("finishedAt"))


def run_of(workflow: Document) -> str:
    """The run that a Workflow works on."""
    labels = workflow["metadata"].get("labels") or {}
    return str(labels.get("ticketsmith.dev/run", workflow["metadata"]["name"]))


def selector(run: str | None) -> str:
    """Label selector of TicketSmith's Workflows, however they were submitted; of one run's if `run` is its id."""
    return f"ticketsmith.dev/run={run}" if run else "ticketsmith.dev/kind"


def connect(environment: Mapping[str, str] = os.environ) -> Argo:
    """The transport that the environment names. Raises UsageError if there is none."""
    try:
        from . import kube, server
    except ImportError as error:
        raise UsageError(f"a cluster needs lightkube ({error})", "`pip install 'ticketsmith[argo]'`") from error
    if environment.get("ARGO_SERVER"):
        return server.from_environment(environment)
    return kube.from_environment(environment)
