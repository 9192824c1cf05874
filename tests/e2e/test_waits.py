"""A wait is told, in Argo's words, with what ends it."""

import os
from pathlib import Path
from typing import Any

from .conftest import ONE_ROUND, Cluster, overlaid, until


def waiting(cluster: Cluster, run: str, part: str, word: str) -> Any:
    """The sentence on a part that waits, once it has a word; a pod begins with others."""
    found = cluster.part(run, part)
    return found["message"] if found and word in (found["message"] or "") else None


def test_an_image_that_is_not_there(cluster: Cluster, tmp_path: Path) -> None:
    image = os.environ["TICKETSMITH_TEST_IMAGE"].rpartition(":")[0] + ":no-such-tag"
    try:
        applied = cluster.ticketsmith("templates", "apply", "--profile", "local", "--image", image)
        assert applied.code == 0, applied.stderr
        run = cluster.ticketsmith("submit", "imp", *ONE_ROUND, "-o", "json").json["run"]
        until(lambda: waiting(cluster, run, "chain", "no-such-tag"))
        status = cluster.ticketsmith("status", run).stdout  # its sentence changes from one try to the next
        assert "no-such-tag" in status and "fix: push that image" in status
        (reason,) = (each["reason"] for each in cluster.ticketsmith("list", "-o", "json").json if each["run"] == run)
        assert reason.startswith("level 0 dense: ") and "no-such-tag" in reason
        assert cluster.ticketsmith("terminate", run).code == 0
    finally:
        overlaid(tmp_path)


def test_a_node_that_nobody_has(cluster: Cluster) -> None:
    cluster.kubectl("cordon", "t4")
    try:
        run = cluster.ticketsmith("submit", "imp", *ONE_ROUND, "-o", "json").json["run"]
        until(lambda: waiting(cluster, run, "benchmark", "nodes are available"), limit=240)
        assert "once a node is free" in cluster.ticketsmith("status", run).stdout
    finally:
        cluster.kubectl("uncordon", "t4")
    assert cluster.ticketsmith("watch", run).code in (0, 7)


def test_a_quota_that_is_used_up(cluster: Cluster) -> None:
    cluster.kubectl("create", "quota", "e2e-few", "--hard=pods=0")
    try:
        run = cluster.ticketsmith("submit", "imp", *ONE_ROUND, "-o", "json").json["run"]
        until(lambda: waiting(cluster, run, "chain", "exceeded quota"))
        assert "once others are done" in cluster.ticketsmith("status", run).stdout
    finally:
        cluster.kubectl("delete", "quota", "e2e-few")
    assert cluster.ticketsmith("terminate", run).code == 0
