"""Faults of a cluster, for real. No experiment is lost: the bytes are those of the run on this machine."""

import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from ticketsmith.stores import open_store

from .conftest import EARLY, LONG, QUICK, TINY, TWO_ROUNDS, Cluster, Local, record, until

Runs = Callable[[tuple[str, ...]], Local]
BEYOND = (
    *("--sparsity", "0.75", "--set", "pruning.fraction=0.75", "--until-fail", *TINY, *QUICK),
    *("--set", "controls=[]"),
)
"""A target that is not too much, and a round past it, which is."""
LOCAL = (LONG, BEYOND, TWO_ROUNDS)


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


def test_a_drained_node_a_deleted_pod_and_a_preempted_t4_are_no_failures(
    cluster: Cluster, local: Runs, whole: Callable[[Local], None]
) -> None:
    """The first round's ticket loses its node, the second's is deleted, and the benchmark loses the only T4."""
    run = submitted(cluster, LONG)
    until(lambda: cluster.pod(part="ticket", level=1), limit=240)
    time.sleep(EARLY)
    try:
        drain = ("--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=60s")
        cluster.kubectl("drain", "cpu", "--pod-selector=ticketsmith.dev/part", *drain)
    finally:
        cluster.kubectl("uncordon", "cpu")
    pod = until(lambda: cluster.pod(part="ticket", level=2), limit=240)
    time.sleep(EARLY)
    cluster.kubectl("delete", pod, "--wait=false")
    until(lambda: cluster.pod(part="benchmark"), limit=240)
    time.sleep(8)  # past the imports: it measures
    cluster.fault("kill", "t4")
    cluster.fault("revive", "t4")
    whole(local(LONG))
    tickets = [cluster.part(run, "chain", level, "ticket") for level in (1, 2)]
    assert [each and (each["preemptions"], each["failures"], each["attempts"]) for each in tickets] == [(1, 0, 2)] * 2
    benchmark = cluster.part(run, "benchmark")
    assert benchmark and benchmark["preemptions"] >= 1 and benchmark["failures"] == 0 and benchmark["node"] == "t4"


def test_a_run_goes_on_and_who_watches_is_connected_again_when_servers_restart(
    cluster: Cluster, local: Runs, whole: Callable[[Local], None]
) -> None:
    """Watched with the administrator's kubeconfig, and ARGO_SERVER unset, too. Rounds go past the target."""
    run = submitted(cluster, BEYOND)
    watching = [cluster.start("watch", run, **direct) for direct in ({}, {"ARGO_SERVER": ""})]
    until(lambda: cluster.pod(part="ticket", level=1))
    for server in ("workflow-controller", "argo-server", "kube-apiserver"):
        cluster.fault("restart", server)
    here = local(BEYOND)
    for each in watching:
        _, said = each.communicate(timeout=300)
        assert each.returncode == here.code, said
        assert "connected again" in said and "level 2 gate: FAIL" in said
    whole(here)


def test_a_stopped_run_leaves_a_report_and_is_resumed(
    cluster: Cluster, local: Runs, whole: Callable[[Local], None]
) -> None:
    run = submitted(cluster, TWO_ROUNDS)
    until(lambda: cluster.part(run, "gate", 1), every=2)
    assert cluster.ticketsmith("stop", run).code == 0
    stopped = cluster.ticketsmith("watch", run)
    assert stopped.code == 3 and "ticketsmith resume" in stopped.stderr
    report = cluster.part(run, "report")
    assert report and report["phase"] == "Succeeded"
    resumed = cluster.ticketsmith("resume", run, "-o", "json")
    assert resumed.code == 0 and resumed.json["workflow"] == f"{run}-2"
    whole(local(TWO_ROUNDS))
    chain = [
        (part["part"], part["level"]) for part in cluster.status(run)["parts"] if part["arm"] in ("dense", "ticket")
    ]
    assert chain[:5] == [("chain", 0), ("chain", 1), ("gate", 1), ("chain", 2), ("gate", 2)], "of both workflows"


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
