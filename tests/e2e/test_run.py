"""A run on the cluster is the run on this machine: same id, same bytes, same verdict; and the same one twice is one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ..browser import chromium, complaints
from ..own_task import planted
from .conftest import QUICK, TINY, Cluster, Done, Local, fresh, record
from .page import opened, pictured, report, visitor

OWN = (
    *("--sparsity", "0.36", *TINY, "--seed", "1", "--set", "controls=[reinit,random,lr-rewind,finetune,smaller]"),
    *("--set", "training.schedule=step"),
)
"""A run of its own, with every control. Argo deletes pods ten minutes after they ended, by names made of the run's."""
DRAWN = ("cohorts", "dense", "ticket", "controls", "gate", "next-round", "benchmark")


@dataclass(frozen=True)
class Ran:
    """A run that was submitted five times at the same moment, and watched to its end."""

    cluster: Cluster
    here: Local
    """The same run on this machine."""
    submissions: list[int]
    watched: Done
    parts: dict[tuple[str, int | None, str], dict[str, Any]]


@pytest.fixture(scope="module")
def ran(installed: dict[str, str], local: Callable[[tuple[str, ...]], Local]) -> Ran:
    here, cluster = local(OWN), fresh(installed)
    five = [cluster.start("submit", "imp", *OWN, "-o", "json") for _ in range(5)]
    codes = [(process.communicate(timeout=60), process.returncode)[1] for process in five]
    watched = cluster.ticketsmith("watch", here.run)
    parts = {(each["part"], each["level"], each["arm"]): each for each in cluster.status(here.run)["parts"]}
    return Ran(cluster, here, codes, watched, parts)


def test_five_submissions_at_the_same_moment_are_one_workflow(ran: Ran) -> None:
    assert ran.submissions == [0] * 5
    assert len(ran.cluster.workflows(ran.here.run)) == 1


def test_watching_ends_with_the_verdict_of_this_machine(ran: Ran) -> None:
    assert ran.watched.code == ran.here.code, ran.watched.stderr
    assert "Winning Ticket" in ran.watched.stdout and "level 2 gate:" in ran.watched.stderr


def test_nothing_but_the_benchmark_runs_where_the_t4_is(ran: Ran) -> None:
    t4 = ran.cluster.kubectl("get", "nodes", "-l", "cloud.google.com/gke-accelerator=nvidia-tesla-t4", "-o", "name")
    on_t4 = [key for key, part in ran.parts.items() if f"node/{part['node']}" in t4.split()]
    assert on_t4 == [("benchmark", 2, "ticket")]


def test_no_part_failed_and_each_tells_what_it_found(ran: Ran) -> None:
    """A pod that a busy machine lost, and that came again, is no failure."""
    assert [part for part in ran.parts.values() if (part["phase"], part["failures"]) != ("Succeeded", 0)] == []
    assert float(ran.parts["gate", 2, "ticket"]["sparsity"]) == pytest.approx(0.36, abs=1e-3)
    assert 50 < float(ran.parts["chain", 2, "ticket"]["score"].removesuffix(" %")) <= 100


def test_what_is_fetched_has_the_bytes_of_this_machine(ran: Ran, tmp_path: Path) -> None:
    fetched = ran.cluster.ticketsmith("fetch", ran.here.run, "--to", str(tmp_path))
    assert fetched.code == 0, fetched.stderr
    assert record(tmp_path, ran.here.run) == record(ran.here.store, ran.here.run)
    assert "Winning Ticket" in ran.cluster.ticketsmith("report", ran.here.run, "--store", str(tmp_path)).stdout


def test_what_is_finished_is_not_run_again(ran: Ran) -> None:
    again = ran.cluster.ticketsmith("submit", "imp", *OWN, "--wait")
    assert again.code == ran.here.code and "nothing was submitted" in again.stderr
    assert len(ran.cluster.workflows(ran.here.run)) == 1


def test_the_pods_told_how_their_time_was_spent(ran: Ran) -> None:
    """And nothing was torn: every chain, gate and report says it, in its archived or its live log."""
    said = ran.cluster.ticketsmith("logs", ran.here.run).stdout.splitlines()
    assert sum(": start " in line and ", work " in line for line in said) == len(ran.parts)


def test_the_report_opens_in_argos_interface(ran: Ran) -> None:
    """Under its content policy."""
    address = str(ran.cluster.status(ran.here.run)["link"])
    with chromium() as browser:
        listed, page = visitor(browser, address), visitor(browser, address)
        listed.goto(address.rpartition("/")[0])
        listed.get_by_text(f"imp {ran.here.run}").first.wait_for(timeout=30_000)  # its title
        said = complaints(page)
        opened(page, address)
        drawn = " ".join(page.locator("svg title").all_text_contents())
        assert [name for name in DRAWN if f"({name})" not in drawn] == [], drawn
        assert report(page).locator("svg").count() >= 2
        pictured(page, "argo")
        assert said == []


def test_an_open_question_buys_another_cohort(
    installed: dict[str, str], local: Callable[[tuple[str, ...]], Local], tmp_path: Path
) -> None:
    """`--replicates auto`: a margin so small that the first five replicates cannot decide."""
    few = ("--sparsity", "0.2", *TINY, "--set", "controls=[]", "--set", "gate.margin=0.0001", *QUICK)
    spec = (*few, "--max-replicates", "10")
    here, cluster = local(spec), fresh(installed)
    ended = cluster.ticketsmith("submit", "imp", *spec, "--wait")
    assert ended.code == here.code, ended.stderr
    judged = [(part["cohort"], part["level"]) for part in cluster.status(here.run)["parts"] if part["part"] == "gate"]
    assert judged == [(0, 1), (1, 1)]
    assert cluster.ticketsmith("fetch", here.run, "--to", str(tmp_path)).code == 0
    assert record(tmp_path, here.run) == record(here.store, here.run)


def test_a_task_of_ones_own_goes_through_pods_with_its_code_and_its_data(
    installed: dict[str, str], local: Callable[[tuple[str, ...]], Local], tmp_path: Path
) -> None:
    """A file with a sibling, a named file and data files: the image has never seen them."""
    spec = (*planted(tmp_path).flags, "--replicates", "5")
    here, cluster = local(spec), fresh(installed)
    ended = cluster.ticketsmith("submit", "imp", *spec, "--wait")
    assert ended.code == here.code, ended.stderr
    assert "data: 2 of 2 files" in ended.stderr
    assert all(part["phase"] == "Succeeded" for part in cluster.status(here.run)["parts"])
    assert cluster.ticketsmith("fetch", here.run, "--to", str(tmp_path / "fetched")).code == 0
    assert record(tmp_path / "fetched", here.run) == record(here.store, here.run)
