"""The ladder as steps: smaller dense networks, at the target alone, each trained twice."""

from typing import Any

import pytest

from ticketsmith.lottery import ladder
from ticketsmith.lottery.chains import chain, follows
from ticketsmith.lottery.controls import CONTROLS, beside, family
from ticketsmith.lottery.imp import imp
from ticketsmith.lottery.schedule import learning_rate, rounds, stretched
from ticketsmith.lottery.spec import Experiment, Training
from ticketsmith.lottery.steps import Benchmark, Gate, Step, Train
from ticketsmith.specs import read_spec

ARMS = ["half", "half-long", "smaller", "smaller-long", "double", "double-long"]


def asked(**fields: Any) -> Experiment:
    return read_spec(None, {"pruning": {"sparsity": 0.8, "rewind_to": 7}, "controls": ["reinit", "smaller"], **fields})


def of_the_ladder(spec: Experiment, **more: Any) -> list[Step]:
    return [step for step in imp(spec, **more) if step.arm in ARMS]


def test_each_rung_is_trained_twice_and_judged_at_the_target_alone() -> None:
    found = of_the_ladder(asked())
    assert [str(step) for step in found] == [
        f"cohort-00/level-08/{arm}/{kind}" for arm in ARMS for kind in ("train", "gate")
    ]


def test_the_long_arm_has_the_updates_of_dense_and_of_every_round() -> None:
    spec = asked()
    whole = sum(s.stop - s.start for s in imp(spec) if isinstance(s, Train) and s.arm in ("dense", "ticket"))
    trained = {step.arm: step for step in of_the_ladder(spec) if isinstance(step, Train)}
    assert {arm: step.stop - step.start for arm, step in trained.items()} == {
        arm: whole if arm.endswith("long") else 360 for arm in ARMS
    }
    assert whole == ladder.updates(spec) == 360 + 8 * 353
    assert {step.rung for step in trained.values()} == {*ladder.RUNGS}
    assert not [step for step in trained.values() if step.weights or step.mask or step.start]


def test_nothing_else_waits_for_the_ladder() -> None:
    """A benchmark times networks that nobody has trained, so that a lost training holds none up."""
    every = [step for step in imp(asked(), cohorts=2) if step.kind != "report" and step.arm not in ARMS]
    assert not [parent for step in every for parent in step.parents if parent.arm in ARMS]
    assert any(isinstance(step, Benchmark) for step in every)


def test_a_gate_pools_the_cohorts_before() -> None:
    gates = [s for s in of_the_ladder(asked(), cohorts=2) if isinstance(s, Gate) and s.arm == "smaller-long"]
    assert [len(gate.pooled) for gate in gates] == [1, 2]
    assert all(gate.ticket is not None and gate.ticket.arm == "ticket" for gate in gates)


@pytest.mark.parametrize(
    ("sparsity", "there"),
    [(0.8, ("half", "smaller", "double")), (0.5, ("half", "smaller")), (0.36, ("half", "smaller"))],
)
def test_a_rung_as_large_as_dense_is_left_out(sparsity: float, there: tuple[str, ...]) -> None:
    assert ladder.rungs(asked(pruning={"sparsity": sparsity})) == there


def test_without_the_control_there_is_none() -> None:
    spec = asked(controls=["reinit"])
    assert ladder.rungs(spec) == ladder.arms(spec) == () and not of_the_ladder(spec)


def test_after_an_early_stop_there_is_none() -> None:
    assert not of_the_ladder(asked(stop_on_fail=True), last=3)


def test_the_weights_are_those_that_the_last_round_leaves() -> None:
    sizes = {"1": 19200, "3": 30000, "5": 1000}
    assert [ladder.weights(asked(), sizes, rung) for rung in ladder.RUNGS] == [5020, 10040, 20080]


def test_masks_and_the_ladder_have_intervals_of_their_own() -> None:
    spec = asked(controls=["reinit", "random", "smaller"])
    assert family(spec, "reinit") == ("reinit", "random") and list(family(spec, "smaller")) == ARMS
    assert [*beside(spec, 1)] == ["reinit", "random"] and [*beside(spec, 8)] == ["reinit", "random", *ARMS]


def test_a_pod_runs_an_arm_of_the_ladder_and_is_told_of_it_at_the_target_alone() -> None:
    spec = asked()
    trained, judged = chain(spec, cohort=0, level=8, arm="smaller-long", kinds=["train", "gate"])
    assert isinstance(trained, Train) and trained in judged.parents
    for level in (7, 8):
        *_, last = chain(spec, cohort=0, level=level, arm="ticket", kinds=["prune", "rewind", "train"])
        told = follows(spec, last, None)
        assert {told[arm] for arm in ARMS} == {str(level == rounds(spec.pruning)).lower()}
        assert told.keys() >= CONTROLS.keys()


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine", "milestones"])
def test_a_stretched_schedule_is_the_same_over_more_updates(schedule: str) -> None:
    marks = (60, 90) if schedule == "milestones" else ()
    training = Training(steps=120, batch_size=1, learning_rate=0.1, schedule=schedule, milestones=marks)  # type: ignore[arg-type]
    long = stretched(training, 1080)
    assert [learning_rate(long, 9 * update) for update in range(120)] == pytest.approx(
        [learning_rate(training, update) for update in range(120)]
    )
