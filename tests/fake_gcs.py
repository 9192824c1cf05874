"""Google Cloud Storage in this process, as far as TicketSmith uses it, and what can go wrong there, on demand.

The client is the real one: it is sent here by STORAGE_EMULATOR_HOST.
"""

import base64
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from urllib.parse import parse_qs, unquote, urlsplit

import google_crc32c

Fault = int | str | None
"""An HTTP status; `drop` (before the request counts) or `lose` (its answer); `flip` (a bit); `cut` (half);
`garble` (other text); None."""


class FakeGcs(ThreadingHTTPServer):
    """`bucket` exists, and is empty. `faults["insert"] = iter([503, "lose"])`: the next inserts fail like that."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.host = f"http://127.0.0.1:{self.server_address[1]}"
        self.objects: dict[str, bytes] = {}
        self.sessions: dict[str, tuple[bytes, dict[str, str]]] = {}
        self.faults: dict[str, Iterator[Fault]] = {}
        self.calls: Counter[str] = Counter()
        self.page, self.lock = 1000, Lock()

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that was dropped on purpose is no news."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeGcs

    def do_GET(self) -> None:
        name, query = self._read("read" if "/o/" in self.path else "list")
        if name in self.server.objects:
            data = self.server.objects[name]
            start = int(re.sub(r"\D", "", self.headers.get("Range", "0")))  # only ever `bytes=N-`: the rest
            about = json.dumps({"name": name, "timeCreated": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}).encode()
            body = data[start:] if query.get("alt") == "media" else about
            self._answer(206 if start else 200, body, media=data)
        elif name or not self.path.startswith("/storage/v1/b/bucket/o"):
            self._answer(404, b"Not Found")
        else:
            after, size = query.get("pageToken", ""), int(query.get("maxResults", self.server.page))
            names = [key for key in sorted(self.server.objects) if key.startswith(query.get("prefix", ""))]
            names = [key for key in names if key > after]
            more = {"nextPageToken": names[size - 1]} if len(names) > size else {}
            self._answer(200, json.dumps({"items": [{"name": key} for key in names[:size]], **more}).encode())

    def do_POST(self) -> None:
        _, query = self._read("insert" if "multipart" in self.path else "begin")
        if "/b/bucket/" not in self.path:
            self._answer(404, b"Not Found")
        elif query["uploadType"] == "resumable":
            session = f"upload_id=secret{len(self.server.sessions)}"
            self.server.sessions[session] = self.body, query
            self._answer(200, b"", location=f"{self.server.host}{self.path.partition('?')[0]}?{session}")
        else:
            message = message_from_bytes(f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode() + self.body)
            about, _ = message.get_payload()
            data = self.body.split(b"\r\n\r\n", 2)[2].rpartition(b"\r\n--")[0]  # as bytes: the parser would mend them
            self._insert(json.loads(about.get_payload()), data, query)

    def do_PUT(self) -> None:
        _, query = self._read("insert")
        begun = self.server.sessions.get(f"upload_id={query['upload_id']}")
        if begun is None:
            return self._answer(404, b"No such upload")
        about = json.loads(begun[0]) | {"crc32c": self.headers["X-Goog-Hash"].removeprefix("crc32c=")}
        self._insert(about, self.body, begun[1])

    def _insert(self, about: dict[str, str], data: bytes, query: dict[str, str]) -> None:
        if self.fault == "flip":
            data = _flipped(data)
        if "crc32c" in about and about["crc32c"] != _crc32c(data):
            return self._answer(400, b'{"error": {"message": "Provided CRC32C does not match"}}')
        with self.server.lock:
            taken = about["name"] in self.server.objects and query.get("ifGenerationMatch") == "0"
            if not taken:
                self.server.objects[about["name"]] = data
        self._answer(412 if taken else 200, json.dumps({"name": about["name"], "crc32c": _crc32c(data)}).encode())

    def _read(self, call: str) -> tuple[str, dict[str, str]]:
        """Name and query of the request. A fault that keeps the request from counting ends it here."""
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.calls[call] += 1
        self.fault = next(self.server.faults.get(call, iter(())), None)
        if self.fault == "drop":
            raise ConnectionAbortedError
        if isinstance(self.fault, int):
            text = f"injected {self.fault} for {self.path.partition('?')[0]}"
            self._answer(self.fault, json.dumps({"error": {"message": text}}).encode())
            raise ConnectionAbortedError
        url = urlsplit(self.path)
        found = re.search("/b/bucket/o/(.+)", url.path)
        return unquote(found[1]) if found else "", {key: value[0] for key, value in parse_qs(url.query).items()}

    def _answer(self, status: int, body: bytes, *, media: bytes | None = None, location: str = "") -> None:
        if self.fault == "lose":
            raise ConnectionAbortedError
        body = b"<html>" if self.fault == "garble" else body
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json")
        if media is not None:
            self.send_header("X-Goog-Hash", f"crc32c={_crc32c(media)}")
        if location:
            self.send_header("Location", location)
        self.end_headers()
        if self.fault == "cut":
            self.wfile.write(body[: len(body) // 2])
            raise ConnectionAbortedError
        self.wfile.write(_flipped(body) if self.fault == "flip" and media else body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def _crc32c(data: bytes) -> str:
    return base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()


def _flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])
