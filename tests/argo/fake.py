"""An Argo Server in this process, as far as TicketSmith uses it, and what can go wrong there, on demand.

Real HTTP and real server-sent events; nothing is executed: a test says which states a workflow goes through.
"""

import json
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit

Document = dict[str, Any]
TOKEN = "Bearer of the day"


class FakeArgo(ThreadingHTTPServer):
    """`faults["list"] = iter([503, "drop"])`: the next lists fail like that. `states[name]`: what a watch will see."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self.base = "/"
        self.token = TOKEN
        self.templates: dict[str, Document] = {}
        self.workflows: dict[str, Document] = {}
        self.states: dict[str, Iterator[Document | str]] = {}
        """`break`: the connection ends in the middle of a message; `end`: the stream ends as after its timeout."""
        self.logs: list[list[tuple[str, str] | str]] = []
        """One list for each time that logs are asked for."""
        self.faults: dict[str, Iterator[int | str | None]] = {}
        self.calls: Counter[str] = Counter()
        self.fields: list[str] = []
        """Fields that the last list was asked for: the nodes of a Workflow are given with them or not at all."""
        self.sent: list[Document] = []
        self.lock = Lock()

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that was dropped on purpose is no news."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeArgo

    def _do(self) -> None:
        url = urlsplit(self.path)
        self.query = {key: value[0] for key, value in parse_qs(url.query).items()}
        self.body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        if not url.path.startswith(f"{self.server.base}api/v1/"):
            return self._refuse(404, "page not found")
        resource, _, rest = url.path.removeprefix(f"{self.server.base}api/v1/").partition("/")
        self.names = rest.split("/")[1:]  # the first is the namespace
        call = {"workflow-templates": "templates", "workflow-events": "watch"}.get(resource, resource)
        if resource == "workflows":
            call = {"GET": "get" if self.names else "list", "POST": "create", "PUT": "steer"}[self.command]
            call = "log" if self.names[1:] == ["log"] else call
        self.server.calls[call] += 1
        match next(self.server.faults.get(call, iter(())), None):
            case "drop":
                raise ConnectionAbortedError
            case "html":
                return self._answer(200, b"<html>sign in</html>", "text/html")
            case int(status):
                return self._refuse(status, f"injected {status}")
        if self.headers.get("Authorization") != self.server.token:
            return self._refuse(401, "token not valid. see https://argo-workflows.readthedocs.io/en/latest/faq/")
        getattr(self, f"_{call}")()

    do_GET = do_POST = do_PUT = _do

    def _version(self) -> None:
        self._json({"version": "v4.1.2"})

    def _templates(self) -> None:
        there = self.server.templates
        if self.command == "GET" and not self.names:
            return self._json({"items": list(there.values()) or None})
        if self.command == "GET":
            found = there.get(self.names[0])
            return self._json(found) if found else self._refuse(404, f'"{self.names[0]}" not found')
        template = self.body["template"]
        if self.names != ["lint"] and not self.body.get("createOptions", {}).get("dryRun"):
            version = {"resourceVersion": str(len(self.server.sent))}
            there[template["metadata"]["name"]] = template | {"metadata": template["metadata"] | version}
        self.server.sent.append(self.body)
        self._json(template)

    def _create(self) -> None:
        workflow = self.body["workflow"]
        name = workflow["metadata"]["name"]
        with self.server.lock:
            if name in self.server.workflows:
                return self._refuse(409, f'workflows.argoproj.io "{name}" already exists')
            created = f"2026-01-01T00:00:{len(self.server.workflows):02d}Z"
            more = {"creationTimestamp": created, "resourceVersion": "1"}
            self.server.workflows[name] = workflow | {"metadata": workflow["metadata"] | more}
        self.server.sent.append(self.body)
        self._json(self.server.workflows[name])

    def _list(self) -> None:
        key, _, value = self.query["listOptions.labelSelector"].partition("=")
        self.server.fields = self.query["fields"].split(",")
        there = [(each["metadata"]["labels"].get(key), _bare(each)) for each in self.server.workflows.values()]
        self._json({"items": [each for label, each in there if label and value in ("", label)] or None})

    def _get(self) -> None:
        found = self.server.workflows.get(self.names[0])
        self._json(found) if found else self._refuse(404, f'workflows.argoproj.io "{self.names[0]}" not found')

    def _steer(self) -> None:
        self.server.sent.append({"name": self.names[0], "verb": self.names[1]})
        self._json(self.server.workflows[self.names[0]])

    def _watch(self) -> None:
        name = self.query["listOptions.fieldSelector"].partition("=")[2]
        self._stream()
        for state in self.server.states.get(name, iter(())):
            if state == "end":
                return
            if state == "eof":
                self._event({"error": {"grpc_code": 2, "http_code": 500, "message": "EOF"}})
                return
            if state == "break":
                self.wfile.write(b'data: {"result": {"type": "MODI')
                return
            assert isinstance(state, dict)
            self.server.workflows[name] = state
            self._event({"result": {"type": "MODIFIED", "object": state}})

    def _log(self) -> None:
        self._stream()
        for line in self.server.logs.pop(0) if self.server.logs else []:
            if line == "break":
                return
            self._event({"result": {"podName": line[0], "content": line[1]}})

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        self.wfile.write(b":keep-alive\n\n")

    def _event(self, frame: Document) -> None:
        self.wfile.write(f"data: {json.dumps(frame)}\n\n:\n".encode())
        self.wfile.flush()

    def _json(self, document: Document) -> None:
        self._answer(200, json.dumps(document).encode(), "application/json")

    def _refuse(self, status: int, message: str) -> None:
        self._answer(status, json.dumps({"code": 0, "message": message}).encode(), "application/json")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def _bare(workflow: Document) -> Document:
    """A Workflow without its nodes."""
    status = {key: value for key, value in workflow.get("status", {}).items() if key != "nodes"}
    return workflow | {"status": status}
