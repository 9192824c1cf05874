"""Chains, and what follows them: all that a workflow engine knows of a spec."""

import pytest

from ticketsmith.errors import UsageError
from ticketsmith.lottery.chains import chain, follows
from ticketsmith.lottery.imp import imp
from ticketsmith.lottery.ladder import LONG, RUNGS
from ticketsmith.lottery.schedule import furthest, rounds
from ticketsmith.specs import read_spec

OTHERS = ("random", "lr-rewind", "finetune", *(name + end for name in RUNGS for end in ("", LONG)))
SPEC = read_spec(None, {"pruning": {"sparsity": 0.5}, "controls": ["reinit"], "stop_on_fail": True})
PATIENT = read_spec(None, {"pruning": {"sparsity": 0.5}, "controls": []})


def at(level: int, arm: str, *kinds: str) -> list[str]:
    return [step.key for step in chain(SPEC, cohort=0, level=level, arm=arm, kinds=kinds)]


def test_a_chain_is_the_steps_of_one_arm_and_level_in_order() -> None:
    assert at(2, "ticket", "prune", "rewind", "train") == [
        f"cohort-00/level-02/ticket/{kind}" for kind in ("prune", "rewind", "train")
    ]


def test_a_chain_writes_what_the_whole_experiment_would() -> None:
    """Also the benchmark of a level at which the experiment was stopped: same parents, same keys."""
    whole = {step.key: step for step in imp(SPEC, last=2)}
    for step in chain(SPEC, cohort=0, level=2, arm="ticket", kinds=["gate", "benchmark"]):
        assert [each.key for each in step.parents] == [each.key for each in whole[step.key].parents]


@pytest.mark.parametrize(
    ("level", "arm", "kinds"),
    [
        (rounds(SPEC.pruning) + 1, "ticket", ("train",)),
        (1, "random", ("train",)),
        (1, "ticket", ("train", "prune")),
        (1, "dense", ("train",)),
        (-1, "ticket", ("train",)),
        (1, "ticket", ("train", "train")),
        (1, "ticket", ("",)),
    ],
)
def test_a_chain_that_the_spec_lacks_is_refused(level: int, arm: str, kinds: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="no chain"):
        at(level, arm, *kinds)


@pytest.mark.parametrize(("status", "following"), [("PASS", "2"), ("UNDECIDED", "2"), ("FAIL", "none")])
def test_the_gate_says_which_level_comes_next(status: str, following: str) -> None:
    (gate,) = chain(SPEC, cohort=0, level=1, arm="ticket", kinds=["gate"])
    said = follows(SPEC, gate, status)  # type: ignore[arg-type]
    words = {"status": status, "next": following, "again": "none", "measured": "1", "reinit": "true"}
    assert said == words | dict.fromkeys(OTHERS, "false")


def test_a_fail_stops_only_where_it_was_asked_and_a_control_never() -> None:
    (gate,) = chain(PATIENT, cohort=0, level=1, arm="ticket", kinds=["gate"])
    (control,) = chain(SPEC, cohort=0, level=1, arm="reinit", kinds=["gate"])
    assert follows(PATIENT, gate, "FAIL")["next"] == follows(SPEC, control, "FAIL")["next"] == "2"


def test_after_the_last_round_comes_none() -> None:
    (gate,) = chain(SPEC, cohort=0, level=rounds(SPEC.pruning), arm="ticket", kinds=["gate"])
    assert follows(SPEC, gate, "PASS")["next"] == "none"


@pytest.mark.parametrize(
    ("past", "status", "following"),
    [
        (-1, "FAIL", "4"),  # before the target, a FAIL ends nothing
        (0, "PASS", "5"),
        (0, "UNDECIDED", "5"),
        (0, "FAIL", "none"),
        (0, "INVALID", "none"),
        (2, "PASS", "7"),
        (8, "PASS", "none"),
        (8, "FAIL of one level", "none"),
        (2, "FAIL of one level", "7"),  # one of many may fail wrongly
    ],
)
def test_past_the_target_rounds_follow_until_quality_is_lost(past: int, status: str, following: str) -> None:
    spec = PATIENT.model_copy(update={"until_fail": True})
    target = rounds(spec.pruning)
    assert (target, furthest(spec), furthest(PATIENT)) == (4, 12, 4)
    (gate,) = chain(spec, cohort=0, level=target + past, arm="ticket", kinds=["gate"])
    status, one, _ = status.partition(" of one level")
    said = follows(spec, gate, status, broken=not one)  # type: ignore[arg-type]
    assert (said["next"], said["measured"]) == (following, str(min(target, target + past)))


def test_who_asks_to_stop_at_a_fail_gets_no_round_after_it() -> None:
    both = SPEC.model_copy(update={"until_fail": True})
    (gate,) = chain(both, cohort=0, level=rounds(SPEC.pruning), arm="ticket", kinds=["gate"])
    assert [follows(both, gate, status, broken=False)["next"] for status in ("PASS", "FAIL")] == ["5", "none"]


def test_windows_are_halved_down_to_one_weight() -> None:
    windows = {"granularity": "window", "sparsity": 0.75}
    spec = read_spec(None, {"pruning": windows, "until_fail": True})
    assert furthest(spec) == rounds(spec.pruning) + 2


@pytest.mark.parametrize(
    ("cohort", "level", "status", "again"),
    [
        (0, 4, "UNDECIDED", "1"),
        (1, 4, "UNDECIDED", "2"),
        (2, 4, "UNDECIDED", "none"),
        (0, 4, "PASS", "none"),
        (0, 4, "FAIL", "none"),
        (0, 3, "UNDECIDED", "none"),
    ],
)
def test_another_cohort_follows_an_open_question_at_the_target(
    cohort: int, level: int, status: str, again: str
) -> None:
    spec = read_spec(None, {"pruning": {"sparsity": 0.5}, "replicates": 5, "max_replicates": 15, "controls": []})
    assert rounds(spec.pruning) == 4
    (gate,) = chain(spec, cohort=cohort, level=level, arm="ticket", kinds=["gate"])
    assert follows(spec, gate, status)["again"] == again  # type: ignore[arg-type]
