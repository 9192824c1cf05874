"""A wait is told, in Argo's words, with what ends it; and a failure in the runner's."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .conftest import ONE_ROUND, Cluster, overlaid, until

ALONE = (*ONE_ROUND, "--set", "controls=[]")
NOWHERE, LOCKED = "nodes are available", "Waiting for .* lock"


def submitted(cluster: Cluster, *more: str) -> str:
    """Submit a run of a round without controls; returns its id."""
    run: str = cluster.ticketsmith("submit", "imp", *ALONE, *more, "-o", "json").json["run"]
    return run


def waiting(cluster: Cluster, run: str, part: str, word: str) -> Any:
    """The sentence on a part that waits, once it has a word; a pod begins with others."""
    found = cluster.part(run, part)
    return found["message"] if found and re.search(word, found["message"] or "") else None


def test_an_image_that_is_not_there(cluster: Cluster, tmp_path: Path) -> None:
    image = os.environ["TICKETSMITH_TEST_IMAGE"].rpartition(":")[0] + ":no-such-tag"
    try:
        applied = cluster.ticketsmith("templates", "apply", "--profile", "local", "--image", image)
        assert applied.code == 0, applied.stderr
        run = submitted(cluster)
        until(lambda: waiting(cluster, run, "chain", "no-such-tag"))
        status = cluster.ticketsmith("status", run).stdout  # its sentence changes from one try to the next
        assert "no-such-tag" in status and "fix: push that image" in status
        (reason,) = (
            each["reason"] for each in cluster.ticketsmith("list", "-o", "json").json["workflows"] if each["run"] == run
        )
        assert reason.startswith("level 0 dense: ") and "no-such-tag" in reason
        assert cluster.ticketsmith("terminate", run).code == 0
    finally:
        overlaid(tmp_path)


def test_a_node_that_nobody_has_and_a_lock_that_is_taken(cluster: Cluster) -> None:
    """One of two runs holds the benchmark's lock and waits for a machine, the other waits for the lock; both go on."""
    cluster.kubectl("cordon", "t4")
    try:
        runs = [submitted(cluster, "--seed", seed) for seed in ("21", "22")]
        said = [until(lambda run=run: waiting(cluster, run, "benchmark", f"{NOWHERE}|{LOCKED}")) for run in runs]  # type: ignore[misc]
        assert sorted(bool(re.search(LOCKED, each)) for each in said) == [False, True], said
        told = [cluster.ticketsmith("status", run) for run in runs]
        assert sorted("once a node is free" in each.stdout for each in told) == [False, True]
        assert not any("held by no run of ours" in each.stderr for each in told)
    finally:
        cluster.kubectl("uncordon", "t4")
    assert all(cluster.ticketsmith("watch", run).code in (0, 7) for run in runs)


@contextmanager
def quota(cluster: Cluster, **hard: str) -> Iterator[None]:
    cluster.kubectl("create", "quota", "e2e", f"--hard={','.join(f'{name}={value}' for name, value in hard.items())}")
    try:
        yield
    finally:
        cluster.kubectl("delete", "quota", "e2e")


def test_a_quota_that_is_used_up(cluster: Cluster) -> None:
    with quota(cluster, pods="0"):
        run = submitted(cluster)
        until(lambda: waiting(cluster, run, "chain", "exceeded quota"))
        assert "once others are done" in cluster.ticketsmith("status", run).stdout
        cluster.ticketsmith("terminate", run)


def test_a_quota_that_demands_requests_and_a_pod_without_credentials(cluster: Cluster, tmp_path: Path) -> None:
    """Pods start, Argo's own two containers among theirs. One without credentials says so where the run is watched."""
    emulated = bool(os.environ.get("STORAGE_EMULATOR_HOST"))  # pods know of it by this ConfigMap alone
    try:
        if emulated:
            cluster.kubectl("delete", "configmap", "ticketsmith-environment")
        every = [f"{kind}.{what}" for kind in ("requests", "limits") for what in ("cpu", "memory")]
        with quota(cluster, **dict.fromkeys(every, "64Gi")):
            done = cluster.ticketsmith("submit", "dense", *ALONE, "--seed", "23", "--wait")
    finally:
        overlaid(tmp_path)
    assert done.code == (4 if emulated else 0), done.stderr
    assert not emulated or re.search(r"failed: level 0 dense: .* \(exit code 4\)\n  fix: ", done.stderr), done.stderr
