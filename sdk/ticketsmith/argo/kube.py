"""The Kubernetes API itself, for CI and where the Argo Server is out of reach. lightkube reads the kubeconfig."""

import base64
import gzip
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress

import httpx2

from ..errors import Denied, Retryable, TicketSmithError, UsageError
from . import TEMPLATES, Document, Missing, ended, hints, run_of, selector
from .brief import METADATA, ONE, note, noted, pages
from .http import WATCH, Connection, parsed, quoted
from .kubeconfig import client, kubeconfig
from .pods import lines

API = "apis/argoproj.io/v1alpha1"
MANAGER = "ticketsmith"
SILENT = "check that `kubectl get workflows` answers; KUBECONFIG and its current context say where"
EXPIRED = (
    "credentials have expired or are none: `kubectl get workflows` renews them, or says why not "
    "(GKE: `gcloud container clusters get-credentials CLUSTER`)"
)
WIDE = ("nodes",)
"""Objects that are in no namespace."""


class KubernetesApi:
    """Implements `Argo`."""

    def __init__(self, connection: Connection, namespace: str, instance: str | None = None) -> None:
        self.connection, self.namespace, self.instance = connection, namespace, instance
        self.where = connection.where
        self.notes = True

    def version(self) -> str | None:
        return None

    def templates(self) -> list[Document]:
        answer = self.connection.call("GET", self._path("workflowtemplates"), params={"labelSelector": TEMPLATES})
        return answer.get("items") or []

    def apply(self, template: Document, *, dry_run: bool = False) -> None:
        path = self._path("workflowtemplates", template["metadata"]["name"])
        options = {"fieldManager": MANAGER, "force": "true"} | ({"dryRun": "All"} if dry_run else {})
        headers = {"Content-Type": "application/apply-patch+yaml"}  # JSON is YAML
        self.connection.call("PATCH", path, params=options, content=json.dumps(template), headers=headers)

    def create(self, workflow: Document, *, dry_run: bool = False) -> Document:
        options = {"fieldManager": MANAGER} | ({"dryRun": "All"} if dry_run else {})
        if self.instance:  # a controller with an instance id looks at nothing else
            label = {"workflows.argoproj.io/controller-instanceid": self.instance}
            metadata = workflow["metadata"]
            workflow = workflow | {"metadata": metadata | {"labels": metadata.get("labels", {}) | label}}
        return self.connection.call("POST", self._path("workflows"), params=options, json=workflow)

    def get(self, name: str) -> Document:
        return _unpacked(self.connection.call("GET", self._path("workflows", name)))

    def list(self, run: str | None = None) -> list[Document]:
        headers = {"Accept": METADATA}

        def page(options: Mapping[str, str]) -> Document:
            return self.connection.call("GET", self._path("workflows"), params=options, headers=headers)

        bare = sorted(pages(page, {"labelSelector": selector(run)}), key=lambda item: _created(item["metadata"]))
        return [workflow for item in bare if (workflow := noted(item) or self._read(item["metadata"]["name"]))]

    def events(self, name: str) -> Iterator[Document]:
        yield (now := self.get(name))
        options = {
            "watch": "true",
            "fieldSelector": f"metadata.name={name}",
            "resourceVersion": now["metadata"]["resourceVersion"],
            "timeoutSeconds": str(WATCH),
        }
        with closing(self.connection.lines(self._path("workflows"), params=options)) as stream:
            for line in stream:
                event = parsed(line, self.where)
                if event["type"] == "ERROR":  # the version is too old to go on from: open again
                    raise Retryable(f"{self.where} ended the stream: {event['object'].get('message')}", SILENT)
                if event["type"] == "DELETED":
                    raise Missing(
                        f"{name} was deleted", f"the store has what it wrote: `ticketsmith fetch {run_of(now)}`"
                    )
                yield _unpacked(event["object"])

    def logs(self, name: str, *, follow: bool) -> Iterator[tuple[str, str]]:
        def running() -> bool:
            return follow and not ended(self.get(name))

        return lines(self.connection, self.namespace, name, go_on=running)

    def stop(self, name: str) -> None:
        self._patch(name, {"spec": {"shutdown": "Stop"}})

    def terminate(self, name: str) -> None:
        self._patch(name, {"spec": {"shutdown": "Terminate"}})

    def unsuspend(self, name: str) -> None:
        looked = {"annotations": {"ticketsmith.dev/looked": str(time.time())}}
        self._patch(name, {"spec": {"suspend": None}, "metadata": looked})

    def allowed(self, verb: str, resource: str) -> bool | None:
        name, _, part = resource.partition("/")
        what = {"namespace": self.namespace, "verb": verb, "resource": name, "subresource": part}
        what["group"] = "" if name == "pods" else "argoproj.io"
        question = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": what},
        }
        answer = self.connection.call("POST", "apis/authorization.k8s.io/v1/selfsubjectaccessreviews", json=question)
        return bool(answer["status"]["allowed"])

    def lookup(self, path: str, namespace: str | None = None) -> Document | None:
        resource, _, name = path.partition("/")
        where = ["api/v1"] if resource in WIDE else ["api/v1/namespaces", quoted(namespace or self.namespace)]
        return self.connection.call("GET", "/".join([*where, resource, *([quoted(name)] if name else [])]))

    def link(self, name: str) -> str | None:
        return None

    def _read(self, name: str) -> Document | None:
        """A Workflow whole, which is noted if it has ended, by whoever may; None if it was deleted meanwhile."""
        try:
            workflow = self.get(name)
        except Missing:
            return None
        if ended(workflow) and self.notes:
            with suppress(TicketSmithError):
                self._note(name, workflow)
        return workflow

    def _note(self, name: str, workflow: Document) -> None:
        """Note an ended Workflow. Who was refused once does not ask for each of a hundred."""
        try:
            self._patch(name, {"metadata": note(workflow)})
        except Denied:
            self.notes = False

    def _patch(self, name: str, change: Document) -> None:
        headers = {"Content-Type": "application/merge-patch+json", "Accept": ONE}
        self.connection.call("PATCH", self._path("workflows", name), content=json.dumps(change), headers=headers)

    def _path(self, resource: str, *more: str) -> str:
        return "/".join([API, "namespaces", quoted(self.namespace), resource, *map(quoted, more)])


def from_environment(
    environment: Mapping[str, str],
    transport: httpx2.BaseTransport | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> KubernetesApi:
    """The cluster of the kubeconfig's current context. `transport` is the seam for tests."""
    config = kubeconfig(environment)
    namespace = environment.get("ARGO_NAMESPACE") or config.context.namespace or "ticketsmith"
    fixes = hints(namespace, SILENT, EXPIRED)
    connection = Connection(client(config, transport), f"Kubernetes API at {config.cluster.server}", fixes, sleep)
    return KubernetesApi(connection, namespace, environment.get("ARGO_INSTANCEID"))


def _created(metadata: Document) -> str:
    return str(metadata.get("creationTimestamp"))


def _unpacked(workflow: Document) -> Document:
    """The Workflow with its nodes, which the controller compresses when they are many.

    Raises UsageError if it keeps them in its database: only the Argo Server reads that.
    """
    status = workflow.get("status", {})
    if packed := status.get("compressedNodes"):
        nodes = json.loads(gzip.decompress(base64.b64decode(packed)))
        return workflow | {"status": status | {"nodes": nodes}}
    if status.get("offloadNodeStatusVersion"):
        raise UsageError("this workflow's nodes are in Argo's database", "go through the Argo Server: set ARGO_SERVER")
    return workflow
