"""A run on the cluster is the run on this machine: same id, same bytes, same verdict; and the same one twice is one."""

from collections.abc import Callable
from pathlib import Path

from .conftest import TWO_ROUNDS, Cluster, Local, record


def test_a_run_on_the_cluster_is_the_run_on_this_machine(
    cluster: Cluster, local: Callable[[tuple[str, ...]], Local], tmp_path: Path
) -> None:
    """Five submissions at the same moment are one workflow; its benchmark runs where the T4 is, and nothing else."""
    here = local(TWO_ROUNDS)
    five = [cluster.start("submit", "imp", *TWO_ROUNDS, "-o", "json") for _ in range(5)]
    told = [process.communicate(timeout=60) for process in five]
    assert [process.returncode for process in five] == [0] * 5, told
    assert len(cluster.workflows(here.run)) == 1

    watched = cluster.ticketsmith("watch", here.run)
    assert watched.code == here.code, watched.stderr
    assert "Winning Ticket" in watched.stdout and "level 2 gate:" in watched.stderr

    parts = {(p["part"], p["level"], p["arm"]): p for p in cluster.status(here.run)["parts"]}
    assert [key for key, part in parts.items() if part["node"] == "t4"] == [("benchmark", 2, "ticket")]
    assert all(part["phase"] == "Succeeded" and part["attempts"] == 1 for part in parts.values())
    assert parts["gate", 2, "ticket"]["sparsity"] and parts["chain", 2, "ticket"]["accuracy"]

    fetched = cluster.ticketsmith("fetch", here.run, "--to", str(tmp_path))
    assert fetched.code == 0, fetched.stderr
    assert record(tmp_path, here.run) == record(here.store, here.run)
    assert cluster.ticketsmith("report", here.run, "--store", str(tmp_path)).stdout.count("Winning Ticket") == 1
    assert cluster.ticketsmith("submit", "imp", *TWO_ROUNDS, "--wait").code == here.code
    assert len(cluster.workflows(here.run)) == 1
