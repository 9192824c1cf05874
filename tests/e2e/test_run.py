"""A run on the cluster is the run on this machine: same id, same bytes, same verdict; and the same one twice is one."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ticketsmith.argo.brief import SEEN

from ..browser import chromium, complaints
from ..own_task import planted
from .conftest import LIMIT, QUICK, TINY, Cluster, Done, Local, Locally, fresh, record
from .page import opened, pictured, report, visitor

OWN = (
    *("--sparsity", "0.36", *TINY, "--seed", "1", "--set", "controls=[reinit,random,lr-rewind,finetune,smaller]"),
    *("--set", "training.schedule=step"),
)
"""A run of its own, with every control. Argo deletes pods ten minutes after they ended, by names made of the run's."""
FEW = (
    *("--sparsity", "0.2", *TINY, "--set", "controls=[]", "--set", "gate.margin=0.0001", *QUICK),
    *("--max-replicates", "10"),
)
"""`--replicates auto`: a margin so small that the first five replicates cannot decide."""
LOCAL = (OWN, FEW)
DRAWN = (
    *("cohorts", "level-0-dense", "level-1-round", "level-1-ticket", "level-1-gate", "controls", "level-2-round"),
    *("level-2-gate", "level-2-benchmark"),
)
"""Titles: which round it is stands in each."""


@dataclass(frozen=True)
class Ran:
    """A run that was submitted five times at the same moment, and watched to its end; others went beside it."""

    cluster: Cluster
    here: Local
    """The same run on this machine."""
    submissions: list[int]
    watched: Done
    parts: dict[tuple[str, int | None, str], dict[str, Any]]
    beside: dict[tuple[str, ...], "subprocess.Popen[str]"]
    """`submit --wait` of other specs."""

    def waited(self, here: Local, spec: tuple[str, ...]) -> str:
        """Wait for one of the others, which has the verdict of this machine; returns what it said."""
        _, said = self.beside[spec].communicate(timeout=LIMIT)
        assert self.beside[spec].returncode == here.code, said
        return said


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """A task that the image has never seen: a file with a sibling, a named file and data files."""
    return (*planted(tmp_path_factory.mktemp("own")).flags, "--replicates", "5", *QUICK)


@pytest.fixture(scope="module")
def ran(installed: dict[str, str], local: Locally, own: tuple[str, ...]) -> Iterator[Ran]:
    local.begin(own)
    cluster = fresh(installed)
    five = [cluster.start("submit", "imp", *OWN, "-o", "json") for _ in range(5)]
    said = [json.loads(process.communicate(timeout=60)[0]) for process in five]
    with ExitStack() as others:
        started = {spec: cluster.start("submit", "imp", *spec, "--wait") for spec in (FEW, own)}
        beside = {spec: others.enter_context(process) for spec, process in started.items()}
        watched = cluster.ticketsmith("watch", run := said[0]["run"])
        parts = {(each["part"], each["level"], each["arm"]): each for each in cluster.status(run)["parts"]}
        yield Ran(cluster, local(OWN), [process.returncode for process in five], watched, parts, beside)


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
    """And nothing was torn: each chain, gate and report says it, in its archived or its live log, and may again."""
    said = ran.cluster.ticketsmith("logs", ran.here.run).stdout.splitlines()
    told = sum(": start " in line and ", work " in line for line in said)
    assert len(ran.parts) <= told <= sum(part["attempts"] for part in ran.parts.values())


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


def test_a_list_over_the_kubeconfig_is_that_of_the_server(ran: Ran) -> None:
    """Also from what the first one noted, which is all that the second reads of it."""
    servers = (os.environ["ARGO_SERVER"], "", "")
    listed = [ran.cluster.ticketsmith("list", "--cluster", "-o", "json", ARGO_SERVER=each) for each in servers]
    told = [each for done in listed for each in done.json["workflows"] if each["run"] == ran.here.run]
    assert told == [told[0]] * 3 and told[0]["verdict"]
    found = ran.cluster.kubectl("get", "workflow", ran.here.run, "-o", "json", "--show-managed-fields")
    metadata = json.loads(found)["metadata"]
    assert SEEN in metadata["annotations"] and len(json.dumps(metadata)) < 4000 < len(found) / 10


def test_another_run_of_the_task_is_estimated_and_has_the_deadline_of_its_cost(ran: Ran) -> None:
    limited = ("--seed", "2", "--price", "0.36", "--max-cost", "1")
    told = ran.cluster.ticketsmith("submit", "imp", *OWN, *limited, "-o", "json").json
    found = json.loads(ran.cluster.kubectl("get", "workflow", told["workflow"], "-o", "json"))
    assert ran.cluster.ticketsmith("terminate", told["run"]).code == 0
    assert found["spec"]["activeDeadlineSeconds"] == told["plan"]["seconds"] == 9970, "of one machine, of the benchmark"
    walls = [part["seconds"][-1] for part in ran.parts.values()]
    assert max(walls) < told["estimate"]["seconds"] <= sum(walls) and told["estimate"]["unknown"] == []


def test_an_open_question_buys_another_cohort(ran: Ran, local: Locally, tmp_path: Path) -> None:
    here, cluster = local(FEW), ran.cluster
    ran.waited(here, FEW)
    judged = [(part["cohort"], part["level"]) for part in cluster.status(here.run)["parts"] if part["part"] == "gate"]
    assert judged == [(0, 1), (1, 1)]
    assert cluster.ticketsmith("fetch", here.run, "--to", str(tmp_path)).code == 0
    assert record(tmp_path, here.run) == record(here.store, here.run)


def test_a_task_of_ones_own_goes_through_pods_with_its_code_and_its_data(
    ran: Ran, local: Locally, own: tuple[str, ...], tmp_path: Path
) -> None:
    here, cluster = local(own), ran.cluster
    assert "data: 2 of 2 files" in ran.waited(here, own)
    assert all(part["phase"] == "Succeeded" for part in cluster.status(here.run)["parts"])
    assert cluster.ticketsmith("fetch", here.run, "--to", str(tmp_path)).code == 0
    assert record(tmp_path, here.run) == record(here.store, here.run)
