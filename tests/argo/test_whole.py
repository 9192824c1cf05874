"""A run that goes on is shown whole: with the rounds of its earlier Workflows, or of its record."""

import pytest

from ticketsmith.lottery.spec import Experiment

from ..fake_gcs import FakeGcs
from .conftest import Command, of
from .fake import Document, FakeArgo
from .workflows import PREEMPTED, RUNNING, SUCCEEDED, pod, workflow

FAILED = {"phase": "Failed", "exit": "5", "message": "main: Error (exit code 5)"}


def going_on(
    spec: Experiment, *parts: dict[str, Document], begins: int = 2, cohort: int = 0, phase: str = "Running"
) -> Document:
    """The second Workflow of a run, which begins with this round."""
    run, given = spec.run_id(), of(spec)
    given["spec"]["arguments"]["parameters"] += [{"name": "cohort", "value": str(cohort)}]
    given["spec"]["arguments"]["parameters"] += [{"name": "round", "value": str(begins)}]
    made = workflow(f"{run}-2", *parts, run=run, phase=phase, **given)
    made["metadata"]["creationTimestamp"] = "2026-01-02T00:00:00Z"
    return made


@pytest.fixture
def resumed(fake: FakeArgo, spec: Experiment) -> str:
    """The id of a run whose second round failed, and is at work again."""
    run = spec.run_id()
    first = [
        pod("chain", 0, "dense", PREEMPTED, SUCCEEDED, score="97.12 %"),
        pod("chain", 1, "ticket", SUCCEEDED, score="96.50 %"),
        pod("gate", 1, "ticket", SUCCEEDED, status="PASS", sparsity="0.2"),
        pod("chain", 1, "reinit", SUCCEEDED, score="95.00 %", status="FAIL"),
        pod("chain", 2, "ticket", FAILED),
        pod("report", None, "ticket", SUCCEEDED),
    ]
    fake.workflows[run] = workflow(run, *first, phase="Failed", **of(spec))
    fake.workflows[f"{run}-2"] = going_on(spec, pod("chain", 2, "ticket", RUNNING))
    return run


def test_after_a_resume_every_round_is_shown(command: Command, resumed: str) -> None:
    told = command("status", resumed)
    assert told.out.startswith(f"{resumed}-2: running, 1 preempted\n")
    rows = [line.split() for line in told.out.splitlines()]
    assert ["dense", "0.0%", "97.12", "%", "(1x", "preempted)"] in rows
    assert ["1", "20.0%", "96.50", "%", "PASS", "95.00", "%", "FAIL"] in rows
    assert any(row[:1] == ["2"] and "running" in row and "failed" not in row for row in rows)
    parts = command("status", resumed, "-o", "json").json["parts"]
    by = {(part["part"], part["level"], part["arm"]): part["workflow"] for part in parts}
    assert by["gate", 1, "ticket"] == resumed and by["chain", 2, "ticket"] == f"{resumed}-2"
    assert ("report", None, "ticket") not in by, "it is written anew"


def test_a_watcher_sees_them_too(command: Command, fake: FakeArgo, spec: Experiment, resumed: str) -> None:
    fake.states[f"{resumed}-2"] = iter([going_on(spec, pod("chain", 2, "ticket", FAILED), phase="Failed")])
    said = command("watch", resumed).err
    assert "level 1 gate: PASS\n" in said and "level 2 ticket: running 2/5\n" in said


@pytest.mark.usefixtures("filled")
def test_what_argo_has_forgotten_is_in_the_store(command: Command, fake: FakeArgo, spec: Experiment) -> None:
    run = spec.run_id()
    fake.workflows[f"{run}-2"] = going_on(spec, pod("chain", 2, "ticket", RUNNING))
    shown = [line.split() for line in command("status", run, "--no-cluster").out.splitlines()]
    one = next(line for line in shown if line[:1] == ["1"])
    rows = [line.split() for line in command("status", run).out.splitlines()]
    row = next(row for row in rows if row[:1] == ["1"])
    assert sorted(row[2:]) == sorted(one[3:]), "what the store says, in columns of another order"
    parts = command("status", run, "-o", "json").json["parts"]
    gate = next(part for part in parts if part["part"] == "gate")
    assert (gate["workflow"], gate["pods"], gate["level"]) == (None, [], 1) and gate["status"]


@pytest.mark.usefixtures("filled")
def test_the_store_has_the_cohorts_before_too(command: Command, fake: FakeArgo, spec: Experiment) -> None:
    """It begins with the first round of its cohort, before which that has no gate."""
    run = spec.run_id()
    fake.workflows[f"{run}-2"] = going_on(spec, pod("chain", 0, "dense", RUNNING, cohort=1), begins=1, cohort=1)
    parts = command("status", run, "-o", "json").json["parts"]
    assert ("gate", 0, 1) in {(part["part"], part["cohort"], part["level"]) for part in parts}


def test_a_store_that_cannot_be_read_costs_its_rounds_alone(
    command: Command, fake: FakeArgo, gcs: FakeGcs, spec: Experiment
) -> None:
    run = spec.run_id()
    fake.workflows[f"{run}-2"] = going_on(spec, pod("chain", 2, "ticket", RUNNING))
    told = command("status", run, "-o", "json")
    assert told.code == 0 and [part["level"] for part in told.json["parts"]] == [2] and gcs.calls


@pytest.mark.usefixtures("filled")
def test_a_run_that_begins_at_the_first_round_needs_its_spec_alone(
    command: Command, fake: FakeArgo, gcs: FakeGcs, spec: Experiment
) -> None:
    fake.workflows[spec.run_id()] = workflow(spec.run_id(), pod("chain", 0, "dense", RUNNING), **of(spec))
    assert command("status", spec.run_id()).code == 0 and gcs.calls == {"read": 1}
