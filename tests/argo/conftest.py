"""The command line against an Argo Server and a bucket in this process."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from ticketsmith.argo import http
from ticketsmith.cli import main
from ticketsmith.hardware import PROFILES
from ticketsmith.ledger import spec_key
from ticketsmith.lottery.spec import Experiment
from ticketsmith.specs import overrides, read_spec
from ticketsmith.stores.local import LocalStore

from ..fake_gcs import FakeGcs
from ..made_once import made_once
from .fake import TOKEN, Document, FakeArgo

TINY = {
    "replicates": 5,
    "training.device": "cpu",
    "options.hidden": [16],
    "training.steps": 20,
    "training.evaluate_every": 10,
    "pruning.sparsity": 0.2,
    "benchmark.rounds": 2,
    "benchmark.seconds": 0.001,
    "benchmark.batch_sizes": [1],
}
FLAGS = [word for key, value in TINY.items() for word in ("--set", f"{key}={json.dumps(value)}")]
STORE = "gs://bucket/runs"


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Done]


@pytest.fixture(scope="session")
def spec() -> Experiment:
    return read_spec(None, overrides(TINY))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeArgo]:
    """An Argo Server that the environment names, with the templates of profile t4. Nobody waits for long."""
    monkeypatch.setattr(http, "WAITS", (0.0, 0.0, 0.0))
    with FakeArgo() as fake:
        Thread(target=fake.serve_forever, args=(0.01,), daemon=True).start()
        given = {"SERVER": fake.address, "SECURE": "false", "TOKEN": TOKEN, "NAMESPACE": "lab"}
        for name, value in given.items():
            monkeypatch.setenv(f"ARGO_{name}", value)
        monkeypatch.setenv("TICKETSMITH_STORE", STORE)
        monkeypatch.setenv("KUBECONFIG", "/nowhere")  # a real cluster is no business of a test's
        install(fake, "t4")
        yield fake
        fake.shutdown()


def install(fake: FakeArgo, *profiles: str) -> None:
    """Put templates of this version there, by name alone."""
    for profile in profiles:
        for kind in ("imp", "train"):
            name = PROFILES[profile].template(kind)
            fake.templates[name] = {"metadata": {"name": name, "resourceVersion": "1"}, "spec": {"templates": []}}


@pytest.fixture
def command(fake: FakeArgo, gcs: FakeGcs, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command line in this process, as a user of that server and bucket."""

    def run(*arguments: str) -> Done:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(list(arguments))
        return Done(int(end.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, spec: Experiment) -> Path:
    """The store of a finished run of `spec`, made by the runner."""
    from ticketsmith.executors.local import run

    def fill(folder: Path) -> None:
        heard: list[Document] = []
        code = run(spec, ["all"], store=str(folder), data_root="data", workers=1, listen=heard.append)
        assert code == 0, heard[-5:]

    return made_once(tmp_path_factory, "submitted", fill)


@pytest.fixture
def filled(gcs: FakeGcs, finished: Path) -> FakeGcs:
    """The bucket with that run in it."""
    store = LocalStore(finished)
    gcs.objects |= {f"runs/{key}": store.get(key) for key in store.list()}
    return gcs


def of(spec: Experiment) -> dict[str, Any]:
    """The parameters that a Workflow of this spec was submitted with."""
    given = {"run-id": spec.run_id(), "spec": spec_key(spec.run_id(), spec), "store": STORE}
    parameters = [{"name": name, "value": value} for name, value in given.items()]
    name = PROFILES["t4"].template("imp")
    return {"spec": {"arguments": {"parameters": parameters}, "workflowTemplateRef": {"name": name}}}
