"""HTTP to a control plane: calls that are tried again, streams of lines, and errors that name the fix.

Every call may be repeated: creating is safe because names are chosen here, and a second create says "already there".
"""

import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, NoReturn
from urllib.parse import quote

import httpx2

from ..errors import Denied, Retryable, TicketSmithError, UsageError
from . import AlreadyThere, Document, Missing

WAITS = (0.5, 1.0, 2.0)  # seconds before the second, third and fourth try
TIMEOUT = httpx2.Timeout(20.0, connect=10.0)
WATCH = 120
"""Seconds after which the other side closes a watch: a connection that died in silence is noticed then."""


class Connection:
    """An HTTP client with manners. `hints` are the fixes for 401, 403 and for silence, which differ by transport."""

    def __init__(
        self,
        client: httpx2.Client,
        where: str,
        hints: Mapping[int, str],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.client, self.where, self.hints, self.sleep = client, where, hints, sleep

    def call(self, method: str, path: str, **options: Any) -> Document:
        """One request and its JSON answer; `options` are httpx2's. Raises TicketSmithError."""
        answer = self._answer(method, path, options)
        try:
            document = answer.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise UsageError(f"{self.where} did not answer with JSON", "is this the address of an API, not of a proxy?")
        return document

    def lines(self, path: str, *, silence: float | None = WATCH + 15, **options: Any) -> Generator[bytes, None, None]:
        """The lines of a streamed answer, cut at newlines only. Raises Retryable when it breaks or falls silent.

        `silence` is in seconds; None waits for ever, as for the next line of a log.
        """
        patience = httpx2.Timeout(20.0, connect=10.0, read=silence)
        try:
            with self.client.stream("GET", path, timeout=patience, **options) as answer:
                if answer.is_error:
                    answer.read()
                    self._refuse(answer)
                yield from _cut(answer.iter_bytes())
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error

    def _answer(self, method: str, path: str, options: dict[str, Any]) -> httpx2.Response:
        for wait in (*WAITS, None):
            try:
                answer = self.client.request(method, path, timeout=TIMEOUT, **options)
            except httpx2.TransportError as error:
                if wait is None:
                    raise self._unreachable(error) from error
            else:
                if wait is None or not _again(answer):
                    return answer if answer.is_success else self._refuse(answer)
            self.sleep(wait)
        raise AssertionError("unreachable")

    def _refuse(self, answer: httpx2.Response) -> NoReturn:
        """The error that stands for an answer that is not a success."""
        problem = f"{self.where}: {_said(answer)}"
        raise self._error(answer, problem)

    def _error(self, answer: httpx2.Response, text: str) -> TicketSmithError:
        match answer.status_code:
            case 401 | 403 as code:
                return Denied(text, self.hints[code].replace("{role}", _role(answer.request)))
            case 404:
                return Missing(text, "`ticketsmith doctor` says what is missing")
            case 409:
                return AlreadyThere(text, "another one of this name exists: `ticketsmith list --cluster`")
            case code if code in (408, 429) or code >= 500:
                return Retryable(text, "run the same command again; `ticketsmith doctor` checks the cluster")
            case code if code in range(300, 400):
                return UsageError(f"{text}, a redirect", "give its final address: check scheme and base path")
        return UsageError(text, "`ticketsmith doctor` checks the cluster")

    def _unreachable(self, error: httpx2.TransportError) -> Retryable:
        reason = " ".join(str(error).split())
        return Retryable(f"cannot reach {self.where} ({type(error).__name__}: {reason})", self.hints[0])


def _role(request: httpx2.Request) -> str:
    """The role that may do this: templates are written by whoever deploys them."""
    templates = "templates/" in f"{request.url.path.replace('-', '')}/"
    return "ticketsmith-deployer" if templates and request.method != "GET" else "ticketsmith-user"


def _again(answer: httpx2.Response) -> bool:
    return answer.status_code in (408, 429) or answer.status_code >= 500


def _said(answer: httpx2.Response) -> str:
    """The other side's message, on one line; for a page that is no message, the status alone."""
    status = f"{answer.status_code} {answer.reason_phrase}".strip()
    try:
        message = answer.json()["message"]
    except (ValueError, KeyError, TypeError):
        return status
    return f"{status}: {' '.join(str(message).split())[:400]}"


def _cut(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Lines of a stream of bytes. Not `splitlines`: a line of a log may hold U+2028 or a carriage return."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    if rest:
        yield rest


def parsed(line: bytes, where: str) -> Document:
    """One JSON object of a stream. Raises Retryable: half a line is a stream that broke."""
    try:
        document = json.loads(line)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise Retryable(f"{where} broke off in the middle of a message", "run the same command again")
    return document


def quoted(name: str) -> str:
    """A name as one part of a path, whatever is in it."""
    return quote(name, safe="")
