"""Time and money of a run: estimated from pods that were measured, or not at all."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ticketsmith.argo.tree import tree
from ticketsmith.cli.estimate import estimate
from ticketsmith.cli.measured import Sample
from ticketsmith.cli.needed import Pod, needed, span
from ticketsmith.cli.outlook import Observer, _last
from ticketsmith.documents import canonical
from ticketsmith.hardware import PARALLEL, PROFILES
from ticketsmith.ledger import Ledger, spec_key
from ticketsmith.lottery.imp import imp
from ticketsmith.lottery.schedule import HALVINGS
from ticketsmith.lottery.spec import Experiment
from ticketsmith.specs import revised
from ticketsmith.stores import open_store

from ..fake_gcs import FakeGcs
from .conftest import STORE, Command, of
from .fake import Document, FakeArgo
from .test_submit import IMP
from .workflows import PREEMPTED, RUNNING, SUCCEEDED, pod, workflow

UNMEASURED = "no run of this task was measured on this profile yet: there is a bound, and no estimate"
ROUND = [
    pod("chain", 0, "dense", PREEMPTED, SUCCEEDED),
    pod("chain", 1, "ticket", SUCCEEDED),
    pod("gate", 1, "ticket", SUCCEEDED, status="PASS"),
    pod("chain", 1, "reinit", SUCCEEDED),
    pod("chain", 1, "random", SUCCEEDED),
]
LATE = [pod("benchmark", 1, "ticket", SUCCEEDED), pod("report", None, "ticket", SUCCEEDED)]
"""A run of a round, each pod of which takes 30 seconds."""


def earlier(fake: FakeArgo, gcs: FakeGcs, spec: Experiment, **changes: Any) -> Document:
    """Another run of the task, which has ended."""
    other = revised(spec, **{"seed": 7} | changes)
    run = other.run_id()
    gcs.objects[f"runs/{spec_key(run, other)}"] = canonical(other.model_dump(mode="json"))
    fake.workflows[run] = workflow(run, *ROUND, *LATE, phase="Succeeded", **of(other))
    return fake.workflows[run]


def test_a_submission_is_estimated_from_what_others_of_its_task_took(
    command: Command, fake: FakeArgo, gcs: FakeGcs, spec: Experiment
) -> None:
    """Six pods of 30 s one after another, as the controls are beside each other; five of seven hold a GPU."""
    earlier(fake, gcs, spec)
    done = command(*IMP, "--price", "0.5", "-o", "json")
    assert "about 3.0 min, 2.5 min on nvidia-tesla-t4, $0.0208\n" in done.err and UNMEASURED not in done.err
    told = done.json["estimate"]
    assert (told["seconds"], told["machine_seconds"], told["unknown"]) == (180, 150, [])


def test_a_resumption_is_estimated_as_a_submission_is(
    command: Command, fake: FakeArgo, gcs: FakeGcs, spec: Experiment
) -> None:
    earlier(fake, gcs, spec)
    run = spec.run_id()
    gcs.objects[f"runs/{spec_key(run, spec)}"] = canonical(spec.model_dump(mode="json"))
    fake.workflows[run] = workflow(run, phase="Failed", **of(spec))
    done = command("resume", run, "--price", "0.5", "-o", "json")
    assert "at most 96 GPU-hours" in done.err and "about 3.0 min, 2.5 min on nvidia-tesla-t4, $0.0208\n" in done.err
    told = done.json["estimate"]
    assert (told["seconds"], told["machine_seconds"], told["unknown"]) == (180, 150, [])


@pytest.mark.parametrize("why", ["none", "another task", "another network", "another store", "another profile"])
def test_what_was_not_measured_is_not_estimated(
    command: Command, fake: FakeArgo, gcs: FakeGcs, spec: Experiment, why: str
) -> None:
    if why != "none":
        other = earlier(fake, gcs, spec, **({"options": {"hidden": [17]}} if why == "another network" else {}))
        if why == "another task":
            other["metadata"]["labels"]["ticketsmith.dev/run"] = "flowers-0123456789ab"
        if why == "another store":
            other["spec"]["arguments"]["parameters"][2]["value"] += "-of-others"
        if why == "another profile":
            other["spec"]["workflowTemplateRef"]["name"] = PROFILES["l4"].template("imp")
    done = command(*IMP, "-o", "json")
    assert done.json["estimate"] is None and f"{UNMEASURED}\n" in done.err and "at most 96 GPU-hours" in done.err


def test_what_is_no_training_does_not_grow_with_the_updates(
    command: Command, fake: FakeArgo, filled: FakeGcs, spec: Experiment
) -> None:
    """The recorded trainings took milliseconds of pods of 30 s: twice the updates are no second more."""
    fake.workflows[spec.run_id()] = workflow(spec.run_id(), *ROUND, *LATE, phase="Succeeded", **of(spec))
    told = command(*IMP, "--set", "training.steps=40", "-o", "json").json["estimate"]
    assert 180 < told["seconds"] < 185
    for key in [key for key in filled.objects if key.endswith("timing.json")]:
        del filled.objects[key]
    assert command(*IMP, "--set", "training.steps=41", "-o", "json").json["estimate"] is None, "not without timings"


def test_pods_wait_for_each_other_and_for_room(spec: Experiment) -> None:
    pods = needed(imp(revised(spec, pruning={"sparsity": 0.36})), spec.replicates)
    times = {key: {"chain": 10.0, "gate": 2.0, "benchmark": 5.0, "report": 1.0}[key[3]] for key in pods}
    assert span(pods, times) == 10 + 2 * (10 + 2) + 10 + 5 + 1, "dense, two rounds, the last controls, two more"
    wide = {(0, 1, f"c{number}", "chain"): 3.0 for number in range(PARALLEL + 1)}
    assert span({key: Pod(key=key, updates=1, after=frozenset()) for key in wide}, wide) == 6


def test_a_part_that_was_never_seen_is_named_and_not_made_up(spec: Experiment) -> None:
    pods = needed(imp(spec), spec.replicates)
    (dense,) = (each for each in pods.values() if each.arm == "dense")
    told = estimate(pods, [Sample(pod=dense, seconds=20, trained=20)], PROFILES["cpu"], 3.6)
    assert told and told.unknown == ("benchmark", "gate", "report")
    assert told.dollars == pytest.approx(4 * 0.02), "of four trainings with as many updates"
    assert str(told) == "about 60 s, 80 s of machines, $0.0800; without benchmark, gate, report, not measured yet"
    assert estimate(pods, [], PROFILES["cpu"], 3.6) is None
    half = replace(dense, updates=dense.updates // 2)
    grown = estimate({dense.key: dense}, [Sample(pod=half, seconds=20, trained=5)], PROFILES["cpu"], None)
    assert grown and grown.seconds == 25 and grown.dollars is None


def test_what_is_left_is_told_by_the_pods_at_work(filled: FakeGcs, spec: Experiment) -> None:
    """Dense has two of five replicates after 20 s: 30 s are left of it, and 50 s of each other training."""
    now = datetime(2026, 1, 1, 0, 0, 20, tzinfo=UTC)
    document = workflow(spec.run_id(), pod("chain", 0, "dense", RUNNING), **of(spec))
    document["metadata"]["annotations"] = {"ticketsmith.dev/price": "0.5"}
    own = tree(document)
    seen = Observer(document).see(own, own, now)
    assert seen and seen.left and seen.left.seconds == pytest.approx(30 + 50 + 50)
    assert seen.left.machine_seconds == pytest.approx(30 + 3 * 50) and seen.machine_seconds == 20
    assert str(seen).endswith("\nspent: 20 s on nvidia-tesla-t4, $0.00278; at most $48.00")


@pytest.mark.parametrize("said", ["", "much", "nan", "inf", "-1", "0"])
def test_a_price_that_is_none_is_none(filled: FakeGcs, spec: Experiment, said: str) -> None:
    document = workflow(spec.run_id(), *ROUND[:1], **of(spec))
    document["metadata"]["annotations"] = {"ticketsmith.dev/price": said}
    seen = Observer(document).see(tree(document), tree(document), datetime.now(UTC))
    assert seen and (seen.machine_seconds, seen.dollars, seen.at_most) == (60, None, None)


@pytest.mark.parametrize(("named", "left"), [("2", 30 + 30 + 30), ("none", None)])
def test_a_round_past_the_target_is_left_once_a_gate_names_it(
    gcs: FakeGcs, spec: Experiment, named: str, left: float | None
) -> None:
    """Ticket, gate and controls of round 2, as those of round 1 took; the benchmark was never seen."""
    further = revised(spec, until_fail=True)
    gcs.objects[f"runs/{spec_key(further.run_id(), further)}"] = canonical(further.model_dump(mode="json"))
    gate = pod("gate", 1, "ticket", SUCCEEDED, status="PASS", next=named)
    document = workflow(further.run_id(), *ROUND[:2], gate, *ROUND[3:], **of(further))
    seen = Observer(document).see(tree(document), tree(document), datetime.now(UTC))
    assert seen and (seen.left and seen.left.seconds) == left


def test_while_the_report_is_written_no_round_is_left(gcs: FakeGcs, spec: Experiment) -> None:
    further = revised(spec, until_fail=True)
    gcs.objects[f"runs/{spec_key(further.run_id(), further)}"] = canonical(further.model_dump(mode="json"))
    document = workflow(further.run_id(), *ROUND, pod("report", None, "", RUNNING), **of(further))
    assert _last(further, tree(document)) == 1


def test_rounds_past_the_target_are_in_the_bound_and_beside_the_estimate(
    command: Command, fake: FakeArgo, gcs: FakeGcs, spec: Experiment
) -> None:
    earlier(fake, gcs, spec)
    done = command(*IMP, "--until-fail", "-o", "json")
    plan = done.json["plan"]
    assert (plan["pods"], plan["beyond"]) == (7 + 4 * HALVINGS, HALVINGS)
    assert f"in {plan['pods']} pods, with up to {HALVINGS} rounds past the target, at most 4 at a time" in done.err
    assert f"; up to {HALVINGS} rounds past the target come on top\n" in done.err
    assert done.json["estimate"]["seconds"] == 180, "to the target"


def test_on_a_gpu_trainings_come_one_after_another(
    command: Command, fake: FakeArgo, gcs: FakeGcs, spec: Experiment
) -> None:
    """Five of 5 s in a pod of 30 s, whatever its cores: with twice the updates, 25 s more."""
    other = revised(spec, seed=7, training=spec.training.model_dump(mode="json") | {"device": "cuda"})
    earlier(fake, gcs, other)
    ledger = Ledger(open_store(STORE), other.run_id())
    for step in (step for step in imp(other) if not step.derived):
        ledger.commit(step, {"timing.json": json.dumps({"seconds": [5.0] * 5}).encode()})
    flags = ("--set", "training.device=cuda", "--set", "training.steps=40", "-o", "json")
    assert command(*IMP, *flags).json["estimate"]["seconds"] == pytest.approx(3 * 55 + 30 + 30 + 30)


def test_a_pod_that_waits_for_a_machine_costs_nothing(filled: FakeGcs, spec: Experiment) -> None:
    document = workflow(spec.run_id(), pod("chain", 0, "dense", {"phase": "Pending"}), **of(spec))
    seen = Observer(document).see(tree(document), tree(document), datetime.now(UTC))
    assert seen and (seen.machine_seconds, seen.left) == (0, None)


def test_status_and_watch_tell_it(command: Command, fake: FakeArgo, filled: FakeGcs, spec: Experiment) -> None:
    run = spec.run_id()
    fake.workflows[run] = workflow(run, *ROUND[:2], **of(spec))
    said = "to go: about 30 s, 60 s on nvidia-tesla-t4; without benchmark, gate, report, not measured yet\n"
    assert f"{said}spent: 90 s on nvidia-tesla-t4\n" in command("status", run).out, "the pod that was lost too"
    assert command("status", run, "-o", "json").json["outlook"]["left"]["machine_seconds"] == 60
    states = [workflow(run, *ROUND, **of(spec)), workflow(run, *ROUND, *LATE, phase="Succeeded", **of(spec))]
    fake.states[run] = iter(states)
    assert command("watch", run).err.count(said) == 1, "once, and no more once nothing that is left was measured"
    assert command("status", run, "-o", "json").json["outlook"]["left"] is None, "it has ended"


def test_a_store_out_of_reach_leaves_a_look_a_look(command: Command, fake: FakeArgo, spec: Experiment) -> None:
    fake.workflows[spec.run_id()] = workflow(spec.run_id(), *ROUND, **of(spec))
    done = command("status", spec.run_id())
    assert done.code == 0 and "spent: " in done.out and "to go" not in done.out
