"""The Kubernetes API itself, for CI and where the Argo Server is out of reach. lightkube reads the kubeconfig."""

import base64
import gzip
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

import httpx2

from ..errors import Retryable, UsageError
from . import TEMPLATES, Document, Missing, ended, selector
from .http import WATCH, Connection, parsed, quoted
from .kubeconfig import client, kubeconfig
from .pods import lines

API = "apis/argoproj.io/v1alpha1"
MANAGER = "ticketsmith"
HINTS = {
    0: "check that `kubectl get workflows` answers; KUBECONFIG and its current context say where",
    401: "credentials have expired or are none: `kubectl get workflows` renews them, or says why not "
    "(GKE: `gcloud container clusters get-credentials CLUSTER`)",
    403: "bind the role: `kubectl create rolebinding ticketsmith-you --role=ticketsmith-user --user=YOU`",
}


class KubernetesApi:
    """Implements `Argo`."""

    def __init__(self, connection: Connection, namespace: str, instance: str | None = None) -> None:
        self.connection, self.namespace, self.instance = connection, namespace, instance
        self.where = connection.where

    def version(self) -> str | None:
        return None

    def templates(self) -> list[Document]:
        found = self.connection.call("GET", self._path("workflowtemplates"), params={"labelSelector": TEMPLATES})
        return found.get("items") or []

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
        found = self.connection.call("GET", self._path("workflows"), params={"labelSelector": selector(run)})
        items = [_unpacked(each) for each in found.get("items") or []]
        return sorted(items, key=lambda workflow: str(workflow["metadata"]["creationTimestamp"]))

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
                    raise Retryable(f"{self.where} ended the stream: {event['object'].get('message')}", HINTS[0])
                if event["type"] == "DELETED":
                    raise Missing(f"{name} was deleted", "the store has what it wrote: `ticketsmith fetch`")
                yield _unpacked(event["object"])

    def logs(self, name: str, *, follow: bool) -> Iterator[tuple[str, str]]:
        def running() -> bool:
            return follow and not ended(self.get(name))

        return lines(self.connection, self.namespace, name, go_on=running)

    def stop(self, name: str) -> None:
        self._patch(name, {"shutdown": "Stop"})

    def terminate(self, name: str) -> None:
        self._patch(name, {"shutdown": "Terminate"})

    def unsuspend(self, name: str) -> None:
        self._patch(name, {"suspend": None})

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

    def quota(self) -> dict[str, str] | None:
        core = f"api/v1/namespaces/{quoted(self.namespace)}"
        limits: dict[str, str] = self.connection.call("GET", f"{core}/configmaps/ticketsmith-limits").get("data") or {}
        for each in self.connection.call("GET", f"{core}/resourcequotas").get("items") or []:
            used, hard = each["status"].get("used", {}), each["status"].get("hard", {})
            limits |= {f"{each['metadata']['name']} {name}": f"{used.get(name)} of {hard[name]}" for name in hard}
        return limits

    def link(self, name: str) -> str | None:
        return None

    def _patch(self, name: str, spec: Mapping[str, Any]) -> None:
        headers = {"Content-Type": "application/merge-patch+json"}
        content = json.dumps({"spec": spec})
        self.connection.call("PATCH", self._path("workflows", name), content=content, headers=headers)

    def _path(self, resource: str, *more: str) -> str:
        return "/".join([API, "namespaces", quoted(self.namespace), resource, *map(quoted, more)])


def from_environment(
    environment: Mapping[str, str],
    transport: httpx2.BaseTransport | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> KubernetesApi:
    """The cluster of the kubeconfig's current context. `transport` is the seam for tests."""
    config = kubeconfig(environment)
    connection = Connection(client(config, transport), f"Kubernetes API at {config.cluster.server}", HINTS, sleep)
    namespace = environment.get("ARGO_NAMESPACE") or config.context.namespace or "ticketsmith"
    return KubernetesApi(connection, namespace, environment.get("ARGO_INSTANCEID"))


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
