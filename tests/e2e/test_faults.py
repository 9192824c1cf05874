"""Faults of a cluster, for real. No experiment is lost: the bytes are those of the run on this machine."""

import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from ticketsmith.stores import open_store

from .conftest import EARLY, LONG_BENCHMARK, LONG_TRAINING, ONE_ROUND, TWO_ROUNDS, Cluster, Local, record, until

Runs = Callable[[tuple[str, ...]], Local]


@pytest.fixture
def whole(cluster: Cluster, tmp_path: Path) -> Callable[[Local], None]:
    """Watches a run to its end; it has the verdict and the bytes of the run on this machine."""

    def check(here: Local) -> None:
        ended = cluster.ticketsmith("watch", here.run)
        assert ended.code == here.code, ended.stderr
        fetched = cluster.ticketsmith("fetch", here.run, "--to", str(tmp_path))
        assert fetched.code == 0, fetched.stderr
        assert record(tmp_path, here.run) == record(here.store, here.run)

    return check


def submitted(cluster: Cluster, spec: tuple[str, ...]) -> str:
    """Submit it; returns the run's id."""
    done = cluster.ticketsmith("submit", "imp", *spec, "-o", "json", limit=60)
    assert done.code == 0, done.stderr
    run: str = done.json["run"]
    return run


def test_a_pod_deleted_in_round_2_is_a_preemption_and_no_failure(
    cluster: Cluster, local: Runs, whole: Callable[[Local], None]
) -> None:
    here = local(LONG_TRAINING)
    run = submitted(cluster, LONG_TRAINING)
    pod = until(lambda: cluster.pod(part="ticket", level=2))
    time.sleep(EARLY)
    cluster.kubectl("delete", pod, "--wait=false")
    whole(here)
    ticket = cluster.part(run, "chain", 2, "ticket")
    assert ticket and (ticket["preemptions"], ticket["failures"], ticket["attempts"]) == (1, 0, 2)


def test_a_restarted_controller_goes_on_where_it_was(
    cluster: Cluster, local: Runs, whole: Callable[[Local], None]
) -> None:
    here = local(ONE_ROUND)
    submitted(cluster, ONE_ROUND)
    until(lambda: cluster.pod(part="ticket", level=1))
    cluster.fault("restart", "workflow-controller")
    whole(here)


def test_a_t4_node_that_is_preempted_in_the_benchmark_is_waited_for(
    cluster: Cluster, local: Runs, whole: Callable[[Local], None]
) -> None:
    here = local(LONG_BENCHMARK)
    run = submitted(cluster, LONG_BENCHMARK)
    until(lambda: cluster.pod(part="benchmark"))
    time.sleep(8)  # past the imports: it measures
    cluster.fault("kill", "t4")
    cluster.fault("revive", "t4")
    whole(here)
    benchmark = cluster.part(run, "benchmark")
    assert benchmark and benchmark["preemptions"] >= 1 and benchmark["failures"] == 0 and benchmark["node"] == "t4"


def test_a_drained_node_gives_its_pods_back(cluster: Cluster, local: Runs, whole: Callable[[Local], None]) -> None:
    spec = (*LONG_TRAINING, "--seed", "1")  # of its own: Argo deletes pods ten minutes later, by name
    here = local(spec)
    run = submitted(cluster, spec)
    until(lambda: cluster.pod(part="ticket", level=1))
    time.sleep(EARLY)
    try:
        drain = ("--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=60s")
        cluster.kubectl("drain", "cpu", "--pod-selector=ticketsmith.dev/part", *drain)
    finally:
        cluster.kubectl("uncordon", "cpu")
    whole(here)
    ticket = cluster.part(run, "chain", 1, "ticket")
    assert ticket and (ticket["preemptions"], ticket["failures"]) == (1, 0), ticket


@pytest.mark.parametrize("server", ["argo-server", "kube-apiserver"])
def test_who_watches_is_connected_again_when_its_server_restarts(
    cluster: Cluster, local: Runs, whole: Callable[[Local], None], server: str
) -> None:
    """The Kubernetes API is watched with the administrator's kubeconfig, and ARGO_SERVER unset."""
    here = local(ONE_ROUND)
    run = submitted(cluster, ONE_ROUND)
    watching = cluster.start("watch", run, **({"ARGO_SERVER": ""} if server == "kube-apiserver" else {}))
    until(lambda: cluster.pod(part="ticket", level=1))
    cluster.fault("restart", server)
    _, said = watching.communicate(timeout=300)
    assert watching.returncode == here.code, said
    assert "connected again" in said and "level 1 gate:" in said
    whole(here)


def test_a_stopped_run_leaves_a_report_and_is_resumed(
    cluster: Cluster, local: Runs, whole: Callable[[Local], None]
) -> None:
    here = local(TWO_ROUNDS)
    run = submitted(cluster, TWO_ROUNDS)
    until(lambda: cluster.part(run, "gate", 1))
    assert cluster.ticketsmith("stop", run).code == 0
    stopped = cluster.ticketsmith("watch", run)
    assert stopped.code == 3 and "ticketsmith resume" in stopped.stderr
    report = cluster.part(run, "report")
    assert report and report["phase"] == "Succeeded"
    resumed = cluster.ticketsmith("resume", run, "-o", "json")
    assert resumed.code == 0 and resumed.json["workflow"] == f"{run}-2"
    whole(here)


def test_a_control_that_fails_holds_up_nothing_and_is_not_hidden(cluster: Cluster, local: Runs, tmp_path: Path) -> None:
    """Other bytes lie in both places where the control of round 1 may write: it replaces neither; no retry helps."""
    here = local(TWO_ROUNDS)
    folder, name = f"{here.run}/cohort-00/level-01/reinit/rewind", "start.safetensors"
    digest = sha256(open_store(str(here.store)).get(f"{folder}/{name}")).hexdigest()
    for place in (f"{folder}/{name}", f"{folder}/attempt-{digest[:12]}/{name}"):
        open_store(cluster.store).put_once(place, b"not this")
    run = submitted(cluster, TWO_ROUNDS)
    ended = cluster.ticketsmith("watch", run)
    assert ended.code == here.code, ended.stderr
    assert "failed: level 1 reinit" in ended.stderr
    control = cluster.part(run, "chain", 1, "reinit")
    assert control and (control["phase"], control["attempts"], control["failures"]) == ("Failed", 1, 1)
    assert cluster.ticketsmith("fetch", run, "--to", str(tmp_path)).code == 0
    theirs, ours = record(tmp_path, run), record(here.store, run)
    assert ours.items() >= theirs.items()
    assert {key.split("/")[3] for key in ours.keys() - theirs.keys()} == {"reinit"}
