"""Fixtures that tests of several folders share."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from shutil import which
from socket import create_server
from threading import Thread
from uuid import uuid4

import pytest

import ticketsmith_runner

from .fake_gcs import FakeGcs

assert ticketsmith_runner.BEGAN  # to import it turns telemetry off, for the tests too

if "PYTEST_XDIST_WORKER" in os.environ:
    # As many threads as cores in each of two processes wait for each other; what a test starts inherits it.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def mnist_root() -> Path | None:
    """A folder with torchvision's MNIST: $TICKETSMITH_TEST_DATA, `data/`, or `../shared/data` beside the checkout."""
    root = Path(__file__).parents[1]
    for folder in (os.environ.get("TICKETSMITH_TEST_DATA"), root / "data", root.parent / "shared" / "data"):
        if folder and (Path(folder) / "MNIST" / "raw" / "train-images-idx3-ubyte").is_file():
            return Path(folder)
    return None


@pytest.fixture(scope="module", autouse=True)
def numbers_as_they_were() -> Iterator[None]:
    """A run flushes denormals, for the whole process; the next file (Hypothesis draws them) starts without that."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)


@pytest.fixture
def data_root(request: pytest.FixtureRequest) -> str:
    """The folder of the data sets; a test that needs MNIST is skipped, with the reason, where there is none."""
    wants = "mnist" in request.node.name
    if wants and mnist_root() is None:
        pytest.skip("MNIST is not here: put torchvision's copy into data/, or set TICKETSMITH_TEST_DATA")
    return str(mnist_root() or "")


@pytest.fixture
def gcs(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGcs]:
    """A bucket, `gs://bucket`, in this process; the client finds it, also from child processes."""
    with FakeGcs() as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.host)
        yield server
        server.shutdown()


@pytest.fixture(scope="session")
def emulator() -> Iterator[str]:
    """The address of a storage server that others wrote: $STORAGE_EMULATOR_HOST, or `fake-gcs-server` started here."""
    if host := os.environ.get("STORAGE_EMULATOR_HOST"):
        yield host
        return
    if not (command := which("fake-gcs-server")):
        pytest.skip("no second storage server: put fake-gcs-server on PATH, or set STORAGE_EMULATOR_HOST")
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    argv = [command, "-backend", "memory", "-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as server:
        assert server.stderr is not None
        line = next((line for line in server.stderr if "server started" in line), None)
        assert line, "fake-gcs-server did not start"
        Thread(target=server.stderr.read, daemon=True).start()
        yield f"http://127.0.0.1:{port}"
        server.terminate()


@pytest.fixture
def emulated(emulator: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty store on that server."""
    from google.api_core.exceptions import Conflict
    from google.cloud.storage import Client

    monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator)
    with suppress(Conflict):
        Client(project="ticketsmith").create_bucket("ticketsmith-test")
    return f"gs://ticketsmith-test/{uuid4()}"
