"""A real cluster, whichever the environment names; without one, every test here is skipped and says why.

KUBECONFIG                 of somebody who may do everything in the namespace
ARGO_SERVER, ARGO_TOKEN …  of somebody who may use workflows
STORAGE_EMULATOR_HOST      where the bucket is not Google's; pods must reach it too
TICKETSMITH_TEST_IMAGE     the runner's image, as pods pull it
TICKETSMITH_TEST_BUCKET    a bucket that tests may write [ticketsmith-artifacts]
TICKETSMITH_TEST_RUNS      runs that are submitted at once [4]
TICKETSMITH_TEST_FAULTS    a command that breaks the cluster: `kill t4`, `revive t4`, `restart workflow-controller`
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = ("KUBECONFIG", "ARGO_SERVER", "ARGO_TOKEN", "TICKETSMITH_TEST_IMAGE")
QUICK = ("--set", "benchmark.precision=[fp32]", "--set", "benchmark.backends=[codegen]", "--set", "benchmark.rounds=2")
"""A benchmark of seconds: where it is not what is tried."""
TINY = ("--replicates", "5", "--set", "training.steps=60")
ONE_ROUND = ("--sparsity", "0.2", *TINY, *QUICK)
TWO_ROUNDS = ("--sparsity", "0.36", *TINY, *QUICK)
LONG = (
    *("--sparsity", "0.36", "--replicates", "5", "--set", "controls=[]"),
    *("--set", "training.steps=12000", "--set", "training.evaluate_every=4000"),
    *("--set", "benchmark.precision=[fp32]", "--set", "benchmark.seconds=0.05"),
    *("--set", "benchmark.batch_sizes=[1,256]"),
)
"""Trainings of twenty seconds in a pod, and a benchmark that takes as long: Argo starts a pod that is lost in its first
ten again, and counts no attempt."""
EARLY = 12.0  # seconds
LIMIT = 600.0  # seconds for a run of two rounds beside others; the wait for a lost node included


@dataclass
class Cluster:
    """Deeds of the tests on a cluster, as a user, as its administrator, and as bad luck."""

    namespace: str
    store: str
    environment: dict[str, str] = field(default_factory=dict)

    def ticketsmith(self, *arguments: str, limit: float = LIMIT, **environment: str) -> "Done":
        """Run the command line to its end."""
        whole = self.environment | {"TICKETSMITH_STORE": self.store} | environment
        whole = {key: value for key, value in whole.items() if value}  # an empty one is none
        argv = [sys.executable, "-m", "ticketsmith", *arguments]
        child = subprocess.run(argv, env=whole, capture_output=True, text=True, timeout=limit, check=False)
        return Done(child.returncode, child.stdout, child.stderr)

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        """Run the command line beside the test."""
        whole = self.environment | {"TICKETSMITH_STORE": self.store} | environment
        whole = {key: value for key, value in whole.items() if value}
        argv = [sys.executable, "-m", "ticketsmith", *arguments]
        return subprocess.Popen(argv, env=whole, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def kubectl(self, *arguments: str, input: str | None = None, check: bool = True, limit: float = 120.0) -> str:
        """As the administrator."""
        argv = ["kubectl", "-n", self.namespace, *arguments]
        child = subprocess.run(argv, input=input, capture_output=True, text=True, timeout=limit, check=False)
        assert child.returncode == 0 or not check, child.stderr
        return child.stdout

    def fault(self, *arguments: str) -> None:
        """Break something. Skips the test where nothing here can."""
        command = os.environ.get("TICKETSMITH_TEST_FAULTS")
        if not command:
            pytest.skip("TICKETSMITH_TEST_FAULTS is not set: nothing here can break the cluster")
        subprocess.run([command, *arguments], check=True, capture_output=True, timeout=120)

    def status(self, run: str) -> dict[str, Any]:
        done = self.ticketsmith("status", run, "-o", "json", limit=60)
        assert done.code == 0, done.stderr
        status: dict[str, Any] = json.loads(done.stdout)
        return status

    def part(self, run: str, part: str, level: int | None = None, arm: str | None = None) -> dict[str, Any] | None:
        """One part of a run as it is now; None before it has begun."""
        parts = [each for each in self.status(run)["parts"] if each["part"] == part]
        return next((p for p in parts if level in (None, p["level"]) and arm in (None, p["arm"])), None)

    def workflows(self, run: str) -> list[str]:
        """Names of the workflows of a run."""
        return self.kubectl("get", "workflows", "-l", f"ticketsmith.dev/run={run}", "-o", "name").split()

    def pod(self, *, part: str, level: int | None = None) -> str | None:
        """Name of the running pod of a part."""
        labels = f"ticketsmith.dev/part={part}" + (f",ticketsmith.dev/level={level}" if level is not None else "")
        running = ["--field-selector", "status.phase=Running", "-o", "name"]
        return next(iter(self.kubectl("get", "pods", "-l", labels, *running).split()), None)

    def forget(self) -> None:
        """Delete the workflows of earlier tests, and none of anybody else: the same run may be submitted again."""
        for each in json.loads(self.kubectl("get", "workflows", "-l", "ticketsmith.dev/kind", "-o", "json"))["items"]:
            given = {one["name"]: one["value"] for one in each["spec"]["arguments"]["parameters"]}
            if given.get("store", "").startswith(self.store.rpartition("/")[0]):
                name = each["metadata"]["name"]
                self.kubectl("delete", "workflow", name, "--wait=true")
                self.kubectl("delete", "pods", "-l", f"workflows.argoproj.io/workflow={name}", "--now", "--wait=false")


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


T = TypeVar("T")


def until(see: Callable[[], T | None], *, limit: float = 120.0, every: float = 0.5) -> T:
    """The first true value of `see`. Fails after `limit` seconds."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if (found := see()) is not None:
            return found
        time.sleep(every)
    raise AssertionError(f"not seen within {limit:g} s")


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> dict[str, str]:
    """The overlay `local`, validated by the API server with the full CRDs, then applied. The environment for users."""
    missing = [name for name in NEEDED if not os.environ.get(name)] + ([] if shutil.which("kubectl") else ["kubectl"])
    if missing:
        pytest.skip(f"no cluster: {', '.join(missing)} not there (tests/e2e/conftest.py says what is needed)")
    request.getfixturevalue("local")  # begins its runs
    overlaid(tmp_path_factory.mktemp("overlay"))
    _pull()
    return dict(os.environ)


def overlaid(folder: Path) -> None:
    """Put the overlay on the cluster, or back on it; `folder` is for what is written on the way."""
    manifests = _kustomized(folder)
    for options in (["--dry-run=server", "--validate=strict"], []):
        _kubectl("apply", "--server-side", "--force-conflicts", *options, "-f", "-", input=manifests)


@pytest.fixture
def cluster(installed: dict[str, str]) -> Cluster:
    """The cluster without a workflow of ours, and a part of the bucket that nobody has written to."""
    return fresh(installed)


def fresh(environment: dict[str, str]) -> Cluster:
    """A new prefix of the bucket; the workflows of earlier tests are gone."""
    bucket = os.environ.get("TICKETSMITH_TEST_BUCKET", "ticketsmith-artifacts")
    store = f"gs://{bucket}/e2e/{secrets.token_hex(4)}"
    made = Cluster(os.environ.get("ARGO_NAMESPACE", "argo"), store, environment)
    made.forget()
    return made


@pytest.fixture(scope="session")
def local(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Locally"]:
    """Runs on this machine. What the tests of this session name in LOCAL begins at once, and has what pods leave."""
    with ThreadPoolExecutor(1) as pool:
        made = Locally(tmp_path_factory, pool)
        for module in dict.fromkeys(item.module for item in request.session.items if isinstance(item, pytest.Function)):
            for spec in getattr(module, "LOCAL", ()):
                made.begin(spec)
        yield made
        made.end()


class Locally:
    """Runs on this machine: of each spec one, one after another, while the cluster works or waits."""

    def __init__(self, folders: pytest.TempPathFactory, pool: ThreadPoolExecutor) -> None:
        self.folders, self.pool = folders, pool
        self.begun: dict[tuple[str, ...], Future[Local]] = {}
        self.child: subprocess.Popen[str] | None = None

    def begin(self, spec: tuple[str, ...]) -> None:
        """Let a run begin as soon as those before it have ended."""
        if spec not in self.begun:
            self.begun[spec] = self.pool.submit(self._run, spec)

    def __call__(self, spec: tuple[str, ...]) -> "Local":
        """Wait for a run to end."""
        self.begin(spec)
        return self.begun[spec].result()

    def end(self) -> None:
        """Nobody waits any longer: begin none of the others, and end the one at work."""
        self.pool.shutdown(wait=False, cancel_futures=True)
        if self.child is not None:
            self.child.terminate()

    def _run(self, spec: tuple[str, ...]) -> "Local":
        store = self.folders.mktemp("local")
        argv = ["nice", "-n", "5", sys.executable, "-m", "ticketsmith", "run", "imp", *spec, "--store", str(store)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen([*argv, "-o", "json"], text=True, **pipes) as self.child:
            try:
                said, problem = self.child.communicate(timeout=2 * LIMIT)
            finally:
                self.child.terminate()
        assert self.child.returncode in (0, 1, 7, 8), problem
        return Local(json.loads(said)["findings"]["run_id"], store, self.child.returncode)


@dataclass(frozen=True)
class Local:
    """A finished run on this machine."""

    run: str
    store: Path
    code: int


def record(store: Path, run: str) -> dict[str, bytes]:
    """Every byte of a run that two runs of one spec agree in: all but timings, reports and notes of one store."""
    differing, apart = ("volatile.json", "timing.json", "speed.json", "report.html"), {"report", "notes"}
    files = [path for path in (store / run).rglob("*") if path.is_file() and path.name not in differing]
    return {path.relative_to(store).as_posix(): path.read_bytes() for path in files if not apart & set(path.parts)}


def _pull() -> None:
    """The image on every node: gigabytes, for which no test's limit should have to make room."""
    namespace, app = os.environ.get("ARGO_NAMESPACE", "argo"), {"app": "ticketsmith-image"}
    confined = {"allowPrivilegeEscalation": False, "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}}
    confined |= {"seccompProfile": {"type": "RuntimeDefault"}}
    idle = {"name": "idle", "image": os.environ["TICKETSMITH_TEST_IMAGE"], "securityContext": confined}
    idle |= {"command": ["python", "-c", "import time; time.sleep(3600)"]}
    spec = {"containers": [idle], "tolerations": [{"operator": "Exists"}], "terminationGracePeriodSeconds": 0}
    document = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "ticketsmith-image", "namespace": namespace},
        "spec": {"selector": {"matchLabels": app}, "template": {"metadata": {"labels": app}, "spec": spec}},
    }
    _kubectl("apply", "-f", "-", input=json.dumps(document))
    where = ("daemonset/ticketsmith-image", "--namespace", namespace)
    _kubectl("rollout", "status", *where, "--timeout=600s", limit=660)
    _kubectl("delete", *where, "--wait=true")


def _kubectl(*argv: str, input: str | None = None, limit: float = 120) -> None:
    child = subprocess.run(["kubectl", *argv], input=input, capture_output=True, text=True, timeout=limit, check=False)
    assert child.returncode == 0, child.stderr


def _kustomized(folder: Path) -> str:
    """The overlay with the image under test, and the emulator's address for pods if there is one."""
    name, _, tag = os.environ["TICKETSMITH_TEST_IMAGE"].rpartition(":")
    overlay = os.path.relpath(ROOT / "argo/overlays/local", folder.resolve())
    emulator = os.environ.get("STORAGE_EMULATOR_HOST")
    literals = [f"STORAGE_EMULATOR_HOST={emulator}"] if emulator else []
    document = {
        "resources": [overlay],
        "namespace": os.environ.get("ARGO_NAMESPACE", "argo"),
        "configurations": [os.path.relpath(ROOT / "argo/overlays/local/images.yaml", folder.resolve())],
        "images": [{"name": "localhost/ticketsmith/runner", "newName": name, "newTag": tag}],
        "configMapGenerator": [
            {"name": "ticketsmith-environment", "literals": literals, "options": {"disableNameSuffixHash": True}}
        ],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(document))
    argv = ["kubectl", "kustomize", "--load-restrictor=LoadRestrictionsNone", str(folder)]
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout
