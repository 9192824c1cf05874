"""Locks of Argo 4.1.2, as a real cluster left them: free, waited for, and given to nobody."""

from pathlib import Path
from typing import Any

import pytest

from ticketsmith.argo.locks import limits, stuck
from ticketsmith.lottery.spec import Experiment

from .conftest import Command, of
from .fake import FakeArgo
from .test_surroundings import cluster
from .workflows import pod, workflow

MUTEX = "argo/Mutex/ticketsmith-benchmark-t4"
BUDGET = "argo/ConfigMap/ticketsmith-limits/gpu-t4"
LEFT = f"Waiting for {MUTEX} lock. Lock status: 0/1"
"""The sentence of whoever was not woken: it is as old as the wait."""
POISONED = f"Waiting for {BUDGET} lock. Lock status: 4/4"


def waiting(run: str, message: str, **locks: Any) -> dict[str, Any]:
    """A run whose benchmark has no pod yet."""
    part = pod("benchmark", 1, "ticket")
    part["benchmark-1-ticket"] |= {"phase": "Pending", "message": message}
    made = workflow(run, part)
    made["status"]["synchronization"] = locks
    return made


def holding(run: str) -> dict[str, Any]:
    made = workflow(run)
    made["status"]["synchronization"] = {
        "mutex": {"holding": [{"holder": f"argo/{run}/{run}-1", "mutex": MUTEX}]},
        "semaphore": {"holding": [{"holders": [f"argo/{run}/{run}-1", f"argo/{run}/{run}-2"], "semaphore": BUDGET}]},
    }
    return made


ASLEEP = {"mutex": {"waiting": [{"holder": "argo/dead/dead", "mutex": MUTEX}]}}
SHUT_OUT = ASLEEP | {"semaphore": {"waiting": [{"semaphore": BUDGET}]}}


def test_who_waits_for_a_free_lock_is_named() -> None:
    assert list(stuck([waiting("r", LEFT, **ASLEEP)])) == [("r", MUTEX)]
    assert list(stuck([waiting("r", POISONED, **SHUT_OUT)])) == [("r", f"{BUDGET}, {MUTEX}")]
    assert list(stuck([waiting("r", LEFT, **ASLEEP), holding("other")])) == []
    ended = {"finishedAt": "2026-01-01T00:00:00Z", "synchronization": ASLEEP}
    assert list(stuck([workflow("r", phase="Failed", status=ended)])) == []


def test_a_lock_that_was_released_or_is_not_waited_for_any_more_stays_in_the_status() -> None:
    released, done = holding("other"), waiting("r", LEFT, **ASLEEP)
    for kind, holder in (("mutex", "holder"), ("semaphore", "holders")):
        released["status"]["synchronization"][kind]["holding"][0].pop(holder)
    assert list(stuck([waiting("r", LEFT, **ASLEEP), released])) == [("r", MUTEX)]
    done["status"]["nodes"]["benchmark-1-ticket"] |= {"phase": "Succeeded", "message": ""}
    assert list(stuck([done])) == []


def test_behind_somebody_who_waits_for_another_lock_a_free_one_is_waited_for_with_reason() -> None:
    """As seen: `Waiting for gpu-t4. Lock status: 3/4`, third in a queue whose first waits for the benchmark's lock."""
    second, third = waiting("second", LEFT, **SHUT_OUT), waiting("third", POISONED.replace("4/4", "3/4"), **SHUT_OUT)
    assert list(stuck([holding("first"), second, third])) == []


def test_a_semaphore_that_is_paused_on_purpose_is_waited_for_with_reason(tmp_path: Path) -> None:
    data = {"gpu-t4": "0", "gpu-l4": "4"}
    known = limits(cluster(tmp_path, **{"lab/configmaps/ticketsmith-limits": {"data": data}}))
    assert known == {"lab/ConfigMap/ticketsmith-limits/gpu-t4": "0", "lab/ConfigMap/ticketsmith-limits/gpu-l4": "4"}
    paused, other = (waiting("r", POISONED, semaphore={"waiting": [{"semaphore": lock}]}) for lock in known)
    assert list(stuck([paused], known)) == []
    assert list(stuck([other], known)) == [("r", "lab/ConfigMap/ticketsmith-limits/gpu-l4")]


@pytest.mark.parametrize("status", [403, 404, 503])
def test_limits_that_cannot_be_read_are_not_known(tmp_path: Path, status: int) -> None:
    assert limits(cluster(tmp_path, **{"lab/configmaps/ticketsmith-limits": status})) is None


def test_over_the_argo_server_a_semaphore_may_be_paused(
    command: Command, fake: FakeArgo, spec: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not tell limits: that nothing is wrong is as likely."""
    monkeypatch.setattr("ticketsmith.cli.checks.SECONDS", 0.0)
    run = spec.run_id()
    fake.workflows[run] = waiting(run, POISONED, **SHUT_OUT) | of(spec)
    told, doctor = command("list").err, command("doctor", "-o", "json")
    (locks,) = (each for each in doctor.json["checks"] if each["check"] == "locks")
    assert (locks["state"], locks["code"]) == ("unknown", 0)
    for said in (told, locks["said"]):
        assert "held by no run of ours" in said and "where its limit is 0" in said and "kubectl -n lab get" in said


@pytest.mark.parametrize("taken", [True, False])
def test_status_list_and_doctor_say_so(
    command: Command, fake: FakeArgo, spec: Experiment, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    monkeypatch.setattr("ticketsmith.cli.checks.SECONDS", 0.0)
    run = spec.run_id()
    fake.workflows[run] = waiting(run, LEFT, **ASLEEP) | of(spec)
    if taken:
        fake.workflows["other"] = holding("other")
    told, listed, doctor = command("status", run).err, command("list").err, command("doctor", "-o", "json")
    (locks,) = (each for each in doctor.json["checks"] if each["check"] == "locks")
    line = f"{run}: held by no run of ours, and not given: {MUTEX}\n  fix: `ticketsmith resume {run} --cluster`"
    assert (line in told) is not taken
    assert told == listed
    assert (locks["state"], locks["code"]) == (("ok", 0) if taken else ("failed", 3))
    if not taken:
        assert f"ticketsmith resume {run}" in locks["fix"] and "rollout restart" in locks["fix"]


def test_resume_has_the_controller_look_again(command: Command, fake: FakeArgo, spec: Experiment) -> None:
    """To resume what is not suspended changes nothing: it is suspended first, for a moment."""
    run = spec.run_id()
    fake.workflows[run] = waiting(run, LEFT, **ASLEEP) | of(spec)
    assert command("resume", run).out == f"{run}: going on\n"
    assert [each["verb"] for each in fake.sent] == ["suspend", "resume"]
