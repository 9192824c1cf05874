"""A Google Cloud Storage bucket as a store. A write is one insert with `if_generation_match=0`: it appears whole, once,
or not at all.

https://cloud.google.com/storage/docs/request-preconditions, https://cloud.google.com/storage/docs/retry-strategy
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from mimetypes import guess_type
from typing import Any

from google.api_core import exceptions as api
from google.auth.exceptions import GoogleAuthError, TransportError
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption
from google.cloud.storage.retry import DEFAULT_RETRY
from requests.exceptions import RequestException

from ..errors import Conflict, Denied, IntegrityError, Retryable, TicketSmithError, UsageError
from . import checked, folder

DEADLINE = 30.0
"""Seconds after which a call is not tried again. The library's own are 120: too long for a pod that has to stop."""

URL = re.compile(r"gs://([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])(?:/(.*?))?/?")


class GcsStore:
    """Objects below `gs://bucket/prefix`. Safe under concurrent writers, lost answers and SIGKILL."""

    def __init__(self, url: str, deadline: float = DEADLINE) -> None:
        match = URL.fullmatch(url)
        if match is None:
            raise UsageError(f"store: {url!r} is not gs://bucket/prefix", "for example --store gs://my-bucket/runs")
        self.bucket, self.prefix = match[1], match[2] or ""
        self.root = f"{checked(self.prefix)}/" if self.prefix else ""
        self.url = f"gs://{self.bucket}/{self.prefix}".rstrip("/")
        self.deadline = deadline
        self._bucket_seen = False

    def put_once(self, key: str, data: bytes) -> None:
        with self._explained("write", key):
            if self._insert(key, data):
                return
            there = self._read(key)
        if there is None:
            raise Retryable(f"{self.url}/{key} was removed while it was written", "run the same command again")
        if there != data:
            raise Conflict(
                f"{self.url}/{key} already holds other bytes; it was not changed",
                "another version or machine wrote this run: choose another --store, or move the run away",
            )

    def get(self, key: str) -> bytes:
        with self._explained("read", key):
            data = self._read(key)
        if data is None:
            raise KeyError(key)
        return data

    def exists(self, key: str) -> bool:
        with self._explained("read", key):
            return bool(self._blob(key).exists(**self._patience)) or self._nothing_there()

    def list(self, prefix: str = "") -> Iterator[str]:
        folder(prefix)
        with self._explained("list", prefix):
            names = self._list(prefix=self.root + prefix)
            yield from (name.removeprefix(self.root) for name in names if not name.endswith("/"))

    def written(self, key: str) -> float | None:
        with self._explained("read", key):
            blob = self._blob(key)
            try:
                blob.reload(**self._patience)
            except api.NotFound:
                return None
            return blob.time_created.timestamp() if blob.time_created else None

    def replace(self, key: str, data: bytes) -> bool:
        """False: who may write here may create objects, and no more."""
        return False

    def _insert(self, key: str, data: bytes) -> bool:
        """Create an object; False if there is one already, perhaps our own, the answer to whose insert was lost."""
        kind, _ = guess_type(key)
        for last in (False, True):
            blob = self._blob(key)
            try:
                blob.upload_from_string(
                    data, kind or "application/octet-stream", if_generation_match=0, **self._patience
                )
                return True
            except api.PreconditionFailed:
                return False
            except api.Forbidden:
                # Who may create but not replace, as pods should, can be told so before the precondition is looked at.
                if not blob.exists(**self._patience):
                    raise
                return False
            except (api.GoogleAPICallError, DataCorruption) as error:
                # Damaged on the way (400), or the session of a large upload is lost (404, 410): from the start, once.
                if last or getattr(error, "code", 400) not in (400, 404, 410):
                    raise
        raise AssertionError("unreachable")

    def _read(self, key: str) -> bytes | None:
        """The bytes of an object, in one request: only then the library compares them with the service's checksum."""
        for last in (False, True):
            try:
                data: bytes = self._blob(key).download_as_bytes(raw_download=True, **self._patience)
                return data
            except api.NotFound:
                self._nothing_there()
                return None
            except DataCorruption:
                if last:
                    raise
        raise AssertionError("unreachable")

    def _nothing_there(self) -> bool:
        """False. A missing object and a missing bucket are both 404, so once it asks which; raises NotFound."""
        if not self._bucket_seen:
            next(self._list(max_results=1, prefix=self.root), None)
            self._bucket_seen = True
        return False

    def _list(self, **options: Any) -> Iterator[str]:
        fields = "items(name),nextPageToken"
        blobs = _client().list_blobs(self.bucket, fields=fields, **options, **self._patience)
        return (blob.name for blob in blobs)

    def _blob(self, key: str) -> Any:
        return _client().bucket(self.bucket).blob(self.root + checked(key))

    @property
    def _patience(self) -> dict[str, Any]:
        """Seconds that one request, and all tries together, may take."""
        backoff = DEFAULT_RETRY.with_delay(initial=self.deadline / 60, maximum=self.deadline / 4)
        return {"retry": backoff.with_timeout(self.deadline), "timeout": self.deadline / 2}

    @contextmanager
    def _explained(self, verb: str, key: str) -> Iterator[None]:
        """Turn what the library raises into an error that names the fix."""
        try:
            yield
        except (api.GoogleAPIError, GoogleAuthError, DataCorruption, RequestException) as error:
            raise self._explain(f"cannot {verb} {self.url}/{key}", error) from error

    def _explain(self, problem: str, error: Exception) -> TicketSmithError:
        message = _said(error)
        if isinstance(error, api.BadRequest) and "crc32c" in message.lower():
            error = DataCorruption(None, message)  # found by the service and not by the library
        match error:
            case DataCorruption():
                return IntegrityError(
                    f"{problem}: the bytes that arrived are not those that were sent, twice",
                    "check the network (a proxy that changes bytes?), then run the same command again",
                )
            case api.NotFound():
                return UsageError(
                    f"{problem}: there is no bucket {self.bucket!r}",
                    f"correct --store, or `gcloud storage buckets create gs://{self.bucket} "
                    "--uniform-bucket-level-access`",
                )
            case api.BadRequest():
                return UsageError(f"{problem}: {message}", "correct --store (gs://bucket/prefix)")
            case api.Forbidden():
                grant = f"gcloud storage buckets add-iam-policy-binding gs://{self.bucket} --member=user:YOU"
                return Denied(
                    f"{problem}: {message}",
                    f"`{grant} --role=roles/storage.objectCreator`, and the same with roles/storage.objectViewer",
                )
            case TransportError() | GoogleAuthError(retryable=True):
                pass
            case api.Unauthorized() | GoogleAuthError():
                return Denied(
                    f"{problem}: no valid credentials ({message})",
                    "`gcloud auth application-default login`; in a pod, bind its service account (docs/store.md)",
                )
        return Retryable(
            f"{problem}: no success within {self.deadline:g} s ({message})",
            "check the network and status.cloud.google.com, then run the same command again: finished steps are kept",
        )


def _client() -> Any:
    return _connect(os.getpid(), os.environ.get("STORAGE_EMULATOR_HOST"))


@cache
def _connect(pid: int, emulator: str | None) -> Any:
    """One client a process, since a forked one would share its parent's connections. Anonymous for an emulator."""
    if emulator and not emulator.startswith(("http://", "https://")):
        raise UsageError(f"STORAGE_EMULATOR_HOST: got {emulator!r}", "give http://host:port, or unset it")
    # Else a thread of the library's asks about the bucket itself, which needs a right that nothing else here needs.
    os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    return storage.Client(project=None)


def _said(error: BaseException) -> str:
    """The service's message, on one line. Never the address of the request, which may hold the token of an upload."""
    if isinstance(error, api.RetryError) and error.cause is not None:
        return _said(error.cause)
    response = getattr(error, "response", None)
    name = str(getattr(response, "status_code", type(error).__name__))
    try:
        message = str(error.args[0] if isinstance(error, GoogleAuthError) else response.json()["error"]["message"])  # type: ignore[union-attr]
    except (AttributeError, ValueError, LookupError, TypeError, RuntimeError):  # no body, another body, a body read
        return name
    return f"{name}: {' '.join(message.split())[:300]}"
