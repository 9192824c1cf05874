"""The Argo Server: HTTP, and server-sent events for what streams.

Environment: https://argo-workflows.readthedocs.io/en/latest/cli/argo/. API: its api/openapi-spec/swagger.json.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

import httpx2

from ..errors import Retryable, UsageError
from . import TEMPLATES, Document, Missing, hints, run_of, selector
from .brief import FIELDS
from .http import WATCH, Connection, parsed, quoted

SILENT = (
    "check ARGO_SERVER (host:port) and ARGO_SECURE; inside a cluster it is reached by "
    "`kubectl -n argo port-forward svc/argo-server 2746:2746`; unset ARGO_SERVER to use the kubeconfig"
)
TOKEN = (
    'a token lives an hour: `export ARGO_TOKEN="Bearer $(kubectl -n {} create token ticketsmith-user)"`, '
    "or log in again and take that of `argo auth token`"
)
SHOWN = ("metadata.name", "metadata.labels", "metadata.creationTimestamp", "metadata.resourceVersion", *FIELDS)


class ArgoServer:
    """Implements `Argo`."""

    def __init__(self, connection: Connection, namespace: str, url: str) -> None:
        self.connection, self.namespace, self.url, self.where = connection, namespace, url, connection.where

    def version(self) -> str | None:
        return str(self.connection.call("GET", "api/v1/version").get("version"))

    def templates(self) -> list[Document]:
        answer = self.connection.call(
            "GET", self._path("workflow-templates"), params={"listOptions.labelSelector": TEMPLATES}
        )
        return answer.get("items") or []

    def apply(self, template: Document, *, dry_run: bool = False) -> None:
        path, name = self._path("workflow-templates"), template["metadata"]["name"]
        template = template | {"metadata": template["metadata"] | {"namespace": self.namespace}}
        try:
            there = self.connection.call("GET", f"{path}/{quoted(name)}")
        except Missing:
            options = {"dryRun": ["All"]} if dry_run else {}
            self.connection.call("POST", path, json={"template": template, "createOptions": options})
            return
        if dry_run:
            self.connection.call("POST", f"{path}/lint", json={"template": template})
            return
        version = {"resourceVersion": there["metadata"]["resourceVersion"]}
        body = {"name": name, "template": template | {"metadata": template["metadata"] | version}}
        self.connection.call("PUT", f"{path}/{quoted(name)}", json=body)

    def create(self, workflow: Document, *, dry_run: bool = False) -> Document:
        body = {"workflow": workflow, "serverDryRun": dry_run}
        return self.connection.call("POST", self._path("workflows"), json=body)

    def get(self, name: str) -> Document:
        return self.connection.call("GET", self._path("workflows", name))

    def list(self, run: str | None = None) -> list[Document]:
        fields = ",".join(f"items.{field}" for field in SHOWN)
        options = {"listOptions.labelSelector": selector(run), "fields": fields}
        answer = self.connection.call("GET", self._path("workflows"), params=options)
        items: list[Document] = answer.get("items") or []
        return sorted(items, key=lambda workflow: str(workflow["metadata"]["creationTimestamp"]))

    def events(self, name: str) -> Iterator[Document]:
        yield (now := self.get(name))
        options = {
            "listOptions.fieldSelector": f"metadata.name={name}",
            "listOptions.resourceVersion": now["metadata"]["resourceVersion"],
            "listOptions.timeoutSeconds": str(WATCH),
        }
        for event in self._stream(f"api/v1/workflow-events/{quoted(self.namespace)}", options):
            if event.get("type") == "DELETED":
                raise Missing(f"{name} was deleted", f"the store has what it wrote: `ticketsmith fetch {run_of(now)}`")
            yield event["object"]

    def logs(self, name: str, *, follow: bool) -> Iterator[tuple[str, str]]:
        options = {"logOptions.container": "main", "logOptions.follow": str(follow).lower()}
        for entry in self._stream(
            self._path("workflows", name, "log"), options, silence=None if follow else WATCH + 15
        ):
            yield str(entry.get("podName", "")), str(entry.get("content", ""))

    def stop(self, name: str) -> None:
        self._put(name, "stop")

    def terminate(self, name: str) -> None:
        self._put(name, "terminate")

    def unsuspend(self, name: str) -> None:
        self._put(name, "suspend")  # to resume what goes on changes nothing, and wakes nobody
        self._put(name, "resume")

    def allowed(self, verb: str, resource: str) -> bool | None:
        return None

    def lookup(self, path: str, namespace: str | None = None) -> Document | None:
        return None

    def link(self, name: str) -> str | None:
        return f"{self.url}workflows/{quoted(self.namespace)}/{quoted(name)}"

    def _put(self, name: str, verb: str) -> None:
        body = {"name": name, "namespace": self.namespace}
        self.connection.call("PUT", self._path("workflows", name, verb), json=body)

    def _path(self, resource: str, *more: str) -> str:
        return "/".join(["api/v1", resource, quoted(self.namespace), *map(quoted, more)])

    def _stream(self, path: str, options: Mapping[str, str], silence: float | None = WATCH + 15) -> Iterator[Document]:
        """Results of a stream of server-sent events: `data:` lines up to an empty one; `:` keeps the line alive."""
        lines = self.connection.lines(path, params=options, headers={"Accept": "text/event-stream"}, silence=silence)
        data = b""
        with closing(lines):
            for line in lines:
                if line.startswith(b"data:"):
                    data += line[5:]
                elif not line.strip() and data:
                    if _over(frame := parsed(data, self.where)):
                        return
                    yield self._result(frame)
                    data = b""
        if data and not _over(frame := parsed(data, self.where)):
            yield self._result(frame)

    def _result(self, frame: Document) -> Document:
        if message := _error(frame):
            raise Retryable(f"{self.where} ended the stream: {message}", "run the same command again")
        result: Document = frame["result"]
        return result


def _error(frame: Document) -> str:
    """The message of a frame that says what went wrong; empty in one that holds a result."""
    error = frame.get("error")
    return str(error.get("message", "an error") if isinstance(error, dict) else error or "")


def _over(frame: Document) -> bool:
    """True for the end that was asked for: the server sends it as an error, after `timeoutSeconds`."""
    return _error(frame) == "EOF"


def from_environment(
    environment: Mapping[str, str],
    transport: httpx2.BaseTransport | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> ArgoServer:
    """The server that the `ARGO_*` variables name. `transport` is the seam for tests."""
    url, flag = _url(environment), environment.get("ARGO_INSECURE_SKIP_VERIFY", "false")
    token = environment.get("ARGO_TOKEN", "").strip()
    client = httpx2.Client(
        base_url=url,
        headers={"Authorization": token if " " in token else f"Bearer {token}"} if token else {},
        verify=not _true("ARGO_INSECURE_SKIP_VERIFY", flag),
        transport=transport,
    )
    namespace = environment.get("ARGO_NAMESPACE") or "ticketsmith"
    fixes = hints(namespace, SILENT, TOKEN.format(namespace))
    return ArgoServer(Connection(client, f"Argo Server at {url.rstrip('/')}", fixes, sleep), namespace, url)


def _url(environment: Mapping[str, str]) -> str:
    """`host:port` as the argo command has it, or a whole URL; with the base path, and a slash at its end."""
    address, secure = environment["ARGO_SERVER"].strip(), environment.get("ARGO_SECURE", "true")
    if "://" not in address:
        address = f"{'https' if _true('ARGO_SECURE', secure) else 'http'}://{address}"
    try:
        url = httpx2.URL(address)
    except httpx2.InvalidURL:
        url = httpx2.URL("")
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError(f"ARGO_SERVER: expected host:port, got {address!r}", "for example ARGO_SERVER=localhost:2746")
    path = environment.get("ARGO_BASE_HREF", "").strip("/") or url.path.strip("/")
    return str(url.copy_with(path=f"/{path}/" if path else "/"))


def _true(name: str, value: str) -> bool:
    if value.lower() not in ("true", "false", "1", "0", ""):
        raise UsageError(f"{name}: expected true or false, got {value!r}", f"`unset {name}` for the default")
    return value.lower() in ("true", "1")
