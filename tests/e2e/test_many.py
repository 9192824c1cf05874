"""Runs at once: nothing is lost, and what only one may have at a time, one has."""

import json
import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from .conftest import LIMIT, ONE_ROUND, Cluster, record, until

COUNT = int(os.environ.get("TICKETSMITH_TEST_RUNS") or 4)
RUN = (*ONE_ROUND, "--set", "controls=[]")
LISTED = 1000  # bytes of a run in a list, at most


def test_runs_at_once_lose_nothing_and_measure_one_after_another(cluster: Cluster, tmp_path: Path) -> None:
    options = (*RUN, "-o", "json")
    submitted = [cluster.ticketsmith("submit", "imp", *options, "--seed", str(100 + n)).json for n in range(COUNT)]
    runs = {each["workflow"]: each["run"] for each in submitted}
    until(lambda: all(each["phase"] == "Succeeded" for each in listed(cluster, runs)) or None, limit=COUNT * LIMIT / 4)
    assert len(runs) == COUNT and all(each["verdict"] for each in listed(cluster, runs))
    assert at_once(pod for name in runs for pod in pods(cluster, name) if pod["templateName"] == "benchmark") == 1
    for run in runs.values():
        assert cluster.ticketsmith("fetch", run, "--to", str(tmp_path)).code == 0
    kept = [artifacts(tmp_path, run) for run in runs.values()]
    assert all(each == kept[0] for each in kept) and "/cohort-00/level-01/ticket/gate/verdict.json" in kept[0]


def artifacts(store: Path, run: str) -> set[str]:
    """Names of what its steps made, which are those of every run like it."""
    return {key.removeprefix(run) for key in record(store, run) if "/cohort-" in key}


def listed(cluster: Cluster, names: Iterable[str]) -> list[dict[str, Any]]:
    """The lines of these workflows, which are short."""
    every = cluster.ticketsmith("list", "-o", "json").json["workflows"]
    found = [each for each in every if each["workflow"] in names]
    assert found and len(json.dumps(found)) < LISTED * len(found)
    return found


def pods(cluster: Cluster, name: str) -> list[dict[str, Any]]:
    """Nodes of a workflow that are some."""
    nodes = json.loads(cluster.kubectl("get", "workflow", name, "-o", "json"))["status"]["nodes"]
    return [node for node in nodes.values() if node["type"] == "Pod"]


def at_once(pods: Iterable[dict[str, Any]]) -> int:
    """Most pods that were there at the same moment; one that comes as another one goes is beside none."""
    changes = sorted(change for pod in pods for change in _changes(pod))
    return max(sum(step for _, step in changes[:count]) for count in range(1, len(changes) + 1))


def _changes(pod: dict[str, Any]) -> Iterator[tuple[datetime, int]]:
    yield datetime.fromisoformat(pod["startedAt"]), 1
    yield datetime.fromisoformat(pod["finishedAt"]), -1
