"""Fixtures of the SDK's tests: stores to tamper with, the command line as processes, and runs made once."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from ticketsmith import cards
from ticketsmith.documents import canonical
from ticketsmith.ledger import Ledger, spec_key
from ticketsmith.lottery.results import Verdict
from ticketsmith.lottery.spec import Experiment
from ticketsmith.runs import spec_of
from ticketsmith.specs import overrides, read_spec
from ticketsmith.stores import Store, open_store
from ticketsmith.stores.local import LocalStore
from ticketsmith.tries import enter

from ..made_once import made_once

VOLATILE = ("timing.json", "speed.json", "volatile.json")

SMALL: dict[str, Any] = {
    "replicates": 5,
    "options.hidden": [16],
    "training.steps": 60,
    "training.learning_rate": 0.01,
    "training.evaluate_every": 20,
    "benchmark.rounds": 2,
    "benchmark.seconds": 0.001,
    "benchmark.batch_sizes": [1],
}
GENEROUS = SMALL | {"pruning.fraction": 0.5, "pruning.sparsity": 0.75, "gate.margin": 0.5}
CRUSHED = SMALL | {"pruning.fraction": 0.9, "pruning.sparsity": 0.98, "gate.margin": 0.001, "stop_on_fail": True}
DIVERGING = SMALL | {"training.optimizer": "sgd", "training.learning_rate": 1e30}


@pytest.fixture(params=["local", "gcs", "emulated"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of each back-end; the bucket is in our own server, and once more in one that others wrote."""
    match request.param:
        case "local":
            url = str(tmp_path / "store")
        case "gcs":
            request.getfixturevalue("gcs")
            url = "gs://bucket/some/prefix"
        case _:
            url = request.getfixturevalue("emulated")
    return open_store(url)


@pytest.fixture(scope="session")
def bound() -> list[str]:
    """Words before a command so that file permissions hold for it: they do not for root."""
    if os.geteuid() != 0:
        return []
    if not which("setpriv"):
        pytest.skip("root without setpriv: permissions cannot be made to hold")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


# --- the command line -------------------------------------------------------------------------------------------------


def flags(spec: dict[str, Any]) -> list[str]:
    """Spec fields as arguments of `run imp`."""
    return [part for path, value in spec.items() for part in ("--set", f"{path}={json.dumps(value)}")]


def cli(*arguments: str, cwd: Path, module: str = "ticketsmith", before: list[str] | None = None) -> Any:
    """One command, to its end."""
    argv = [*(before or []), sys.executable, "-m", module, *arguments]
    return subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=300, env=OFFLINE)


# A proxy that nobody listens at: whatever would be downloaded is refused at once.
OFFLINE = {**os.environ, "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "COLUMNS": "200"}


def tree(root: Path) -> dict[str, bytes]:
    """Every file that two runs of one spec must have in common: no timings, no reports."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name not in VOLATILE and not path.name.startswith(".tmp-")
        if "report" not in path.relative_to(root).parts and path.name != "report.html"
    }


def narrow(columns: int, *arguments: str, cwd: Path, **more: str) -> str:
    argv = [sys.executable, "-m", "ticketsmith", *arguments]
    environment = OFFLINE | {"COLUMNS": str(columns)} | more
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def data(*arguments: str, cwd: Path) -> Any:
    done = cli(*arguments, "-o", "json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# --- runs made once, by one process that has imported torch -----------------------------------------------------------

WARM = """
import json, os, sys
import onnxscript, sklearn.datasets, torch._dynamo  # what takes seconds, once; a benchmark imports the first and last
from ticketsmith_runner import commands  # and what it imports
from ticketsmith_runner.__main__ import main
for line in sys.stdin:
    argv, log = json.loads(line)
    if not (pid := os.fork()):
        os.dup2(os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC), 1)
        os.dup2(1, 2)
        os._exit(main(argv))
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Warm:
    """Runners without the wait for imports: each is a process of its own, forked from one that has them."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.process = subprocess.Popen(
            [sys.executable, "-c", WARM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, spec: dict[str, Any], store: Path, *options: str) -> tuple[str, int]:
        """The id of the run, and the process that works on it; what precedes it is as `ticketsmith run imp` does it."""
        document = read_spec(None, overrides(spec))
        key = spec_key(document.run_id(), document)
        cards.keep(LocalStore(store), document, "data")
        enter(Ledger(LocalStore(store), document.run_id()), document)
        LocalStore(store).put_once(key, canonical(document.model_dump(mode="json")))
        argv = ["all", "--spec", key, "--store", str(store), *options]
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([argv, str(self.log)]) + "\n")
        self.process.stdin.flush()
        return document.run_id(), self._answer()

    def wait(self) -> int:
        """The exit code of what was started, minus the signal that ended it."""
        return self._answer()

    def run(self, spec: dict[str, Any], store: Path, *options: str) -> str:
        """A finished run."""
        run, _ = self.start(spec, store, *options)
        assert self.wait() == 0, self.log.read_text()
        return run

    def _answer(self) -> int:
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    warm = Warm(tmp_path_factory.mktemp("warm") / "log")
    yield warm
    warm.process.communicate(timeout=60)


class Verdicts:
    """A folder `runs` with three finished runs, one for each verdict."""

    def __init__(self, made: Path, folder: Path) -> None:
        """`made`: the runs before any test measured them again."""
        self.made, self.folder, self.store = made, folder, folder / "runs"
        shutil.copytree(made, self.store)
        self.edge = edge(made)
        self.passed, self.failed, self.undecided = map(run_of, (GENEROUS, CRUSHED, self.edge))

    def verdict(self, run: str) -> Verdict:
        return verdict_in(self.store, run)

    def spec(self, run: str) -> Experiment:
        return spec_of(LocalStore(self.store), run)


def run_of(spec: dict[str, Any]) -> str:
    """The id of a run."""
    return read_spec(None, overrides(spec)).run_id()


def verdict_in(store: Path, run: str) -> Verdict:
    """The verdict on the last level."""
    ledger = Ledger(LocalStore(store), run)
    gate = max(key for key in ledger.store.list(run) if key.endswith("ticket/gate/verdict.json"))
    return Verdict.model_validate_json(ledger.store.get(gate))


def edge(store: Path) -> dict[str, Any]:
    """A spec whose margin is between the bounds of the run that passed."""
    return GENEROUS | {"gate.margin": -verdict_in(store, run_of(GENEROUS)).difference.mean}


@pytest.fixture(scope="session")
def verdicts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Verdicts:
    def fill(store: Path) -> None:
        warm = request.getfixturevalue("warm")
        warm.run(GENEROUS, store, "--workers", "2")
        warm.run(CRUSHED, store)
        warm.run(edge(store), store)

    return Verdicts(made_once(tmp_path_factory, "verdicts", fill), tmp_path_factory.mktemp("runs"))


@pytest.fixture
def copied(verdicts: Verdicts, tmp_path: Path) -> Path:
    """A folder with a copy of the three runs in `runs`, to change."""
    shutil.copytree(verdicts.made, tmp_path / "runs")
    return tmp_path


# --- long scenarios, begun together so that the cores are not idle ----------------------------------------------------


def interrupted(folder: Path) -> list[tuple[int, str, dict[str, bytes]]]:
    """One command again and again: SIGKILL and SIGTERM to its runner, Ctrl-C, SIGTERM to itself, and to its end.

    Code, output and files of each.
    """
    stages = []
    for stop in (kill, terminate, interrupt, dismiss, None):
        process = subprocess.Popen(
            [sys.executable, "-m", "ticketsmith", "run", "imp", *flags(CRUSHED)],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        if stop is not None:
            stop(process, folder / "runs")
        said, _ = process.communicate(timeout=300)
        stages.append((process.returncode, said, tree(folder / "runs")))
    return stages


def kill(process: "subprocess.Popen[str]", store: Path) -> None:
    os.kill(until(lambda: runner_of(process)), signal.SIGKILL)


def terminate(process: "subprocess.Popen[str]", store: Path) -> None:
    """SIGTERM to the runner alone, as soon as it listens to it."""
    runner = until(lambda: runner_of(process))
    until(lambda: int(field(runner, "SigCgt"), 16) >> (signal.SIGTERM - 1) & 1)
    os.kill(runner, signal.SIGTERM)


def interrupt(process: "subprocess.Popen[str]", store: Path) -> None:
    """Ctrl-C reaches the whole process group; here once the first step is done."""
    until(lambda: next(store.rglob("manifest.json"), None))
    os.killpg(process.pid, signal.SIGINT)


def dismiss(process: "subprocess.Popen[str]", store: Path) -> None:
    """SIGTERM to the command, which leaves no runner behind."""
    runner = until(lambda: runner_of(process))
    os.kill(process.pid, signal.SIGTERM)
    until(lambda: not Path(f"/proc/{runner}").exists())


def until(found: Callable[[], Any]) -> Any:
    """The first true value of `found`."""
    deadline = time.monotonic() + 300
    while not (value := found()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return value


def runner_of(process: "subprocess.Popen[str]") -> int | None:
    """The child of a command, once it is the runner (and no longer a fork of the command)."""
    assert process.poll() is None, process.communicate()
    for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        if b"ticketsmith_runner\0all\0" in Path(f"/proc/{child}/cmdline").read_bytes():
            return int(child)
    return None


def field(pid: int, name: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith(f"{name}:"))


def diverged(folder: Path) -> Any:
    return cli("run", "imp", *flags(DIVERGING), cwd=folder), folder


def no_mnist(folder: Path) -> Any:
    return cli("run", "imp", "--task", "mnist-lenet300", "--data-root", "empty", cwd=folder), folder


SCENARIOS: dict[str, Callable[[Path], Any]] = {f.__name__: f for f in (interrupted, diverged, no_mnist)}
Begin = Callable[[str], Future[Any]]


@pytest.fixture(scope="session")
def background(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Begin]:
    """Begins a scenario once; those that the tests of this session ask for now, two at a time.

    Where several processes share the tests, each is asked for all of them and does its own alone: when it is there.
    """
    wanted = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    with ThreadPoolExecutor(2) as pool:
        begin = cache(lambda name: pool.submit(SCENARIOS[name], tmp_path_factory.mktemp(name)))
        for name in SCENARIOS:
            if f"after_{name}" in wanted and "PYTEST_XDIST_WORKER" not in os.environ:
                begin(name)
        yield begin


@pytest.fixture(scope="session")
def after_interrupted(background: Begin) -> Any:
    if sys.platform != "linux":
        pytest.skip("the runner is found through /proc")
    return background("interrupted").result()


@pytest.fixture(scope="session")
def after_diverged(background: Begin) -> Any:
    return background("diverged").result()


@pytest.fixture(scope="session")
def after_no_mnist(background: Begin) -> Any:
    return background("no_mnist").result()
