"""The algorithm as a list of steps."""

import pytest

from ticketsmith.lottery.controls import MASKED
from ticketsmith.lottery.imp import imp
from ticketsmith.lottery.steps import Benchmark, Gate, Prune, Rewind, Step, Train
from ticketsmith.specs import read_spec


def steps(**overrides: object) -> list[Step]:
    fields = {"pruning": {"sparsity": 0.36, "rewind_to": 7}, "controls": ["reinit"], **overrides}
    return list(imp(read_spec(None, fields)))


def test_both_controls_run_unless_told_otherwise() -> None:
    assert {step.arm for step in imp(read_spec(None, {}))} == {"dense", "ticket", "reinit", "random"}


def test_the_order_of_two_rounds() -> None:
    assert [str(step).removeprefix("cohort-00/") for step in steps()] == [
        "level-00/dense/train",
        "level-01/ticket/prune",
        "level-01/ticket/rewind",
        "level-01/ticket/train",
        "level-01/reinit/rewind",
        "level-01/reinit/train",
        "level-01/reinit/gate",
        "level-01/ticket/gate",
        "level-02/ticket/prune",
        "level-02/ticket/rewind",
        "level-02/ticket/train",
        "level-02/reinit/rewind",
        "level-02/reinit/train",
        "level-02/reinit/gate",
        "level-02/ticket/gate",
        f"level-02/ticket/benchmark/{read_spec(None, {}).benchmark.digest}",
        "level-02/ticket/report",
    ]


def test_past_the_target_rounds_follow_and_speed_is_still_that_of_the_target() -> None:
    spec = read_spec(None, {"pruning": {"sparsity": 0.36}, "controls": []})
    whole, past = list(imp(spec)), list(imp(spec, last=4))
    assert [str(step) for step in past[:-2]][: len(whole) - 2] == [str(step) for step in whole[:-2]]
    assert {step.level for step in past if isinstance(step, Gate)} == {1, 2, 3, 4}
    for every in (whole, past, list(imp(spec, last=4, measured=2))):
        assert [step.level for step in every if isinstance(step, Benchmark)] == [2]
    assert [step.level for step in imp(spec, last=4, measured=3) if isinstance(step, Benchmark)] == [3]


def test_pure() -> None:
    assert [str(step) for step in steps()] == [str(step) for step in steps()]


def test_every_step_reads_only_what_came_before() -> None:
    seen: set[str] = set()
    for step in steps(controls=[*MASKED, "smaller"], training={"schedule": "step"}):
        assert {parent.key for parent in step.parents} <= seen
        seen.add(step.key)


def test_no_key_is_a_prefix_of_another() -> None:
    keys = [step.key for step in imp(read_spec(None, {"pruning": {"sparsity": 0.95}}))]
    assert not [(a, b) for a in keys for b in keys if a != b and b.startswith(a)]


def test_the_ticket_restarts_at_k_and_the_reinit_control_at_zero() -> None:
    trains = {(step.level, step.arm): step for step in steps() if isinstance(step, Train)}
    assert {key: (step.start, step.stop, step.keep) for key, step in trains.items() if key[0] < 2} == {
        (0, "dense"): (0, 360, 7),
        (1, "ticket"): (7, 360, None),
        (1, "reinit"): (0, 360, None),
    }


def test_what_is_not_rewound_goes_on_from_the_training_that_chose_the_mask() -> None:
    """Renda et al., arXiv 2003.02389: the same masks, weights and updates; only the learning rate tells them apart."""
    every = steps(controls=["lr-rewind", "finetune"], training={"schedule": "step"})
    for arm, held in (("lr-rewind", False), ("finetune", True)):
        (rewound,) = [s for s in every if isinstance(s, Rewind) and (s.level, s.arm) == (2, arm)]
        (trained,) = [s for s in every if isinstance(s, Train) and (s.level, s.arm) == (2, arm)]
        assert (str(rewound.trained), rewound.kept) == ("cohort-00/level-01/ticket/train", None)
        assert (trained.start, trained.stop, trained.held) == (7, 360, held)


def test_each_round_prunes_what_the_round_before_trained() -> None:
    pruned = [step for step in steps() if isinstance(step, Prune)]
    assert [str(step.trained) for step in pruned] == [
        "cohort-00/level-00/dense/train",
        "cohort-00/level-01/ticket/train",
    ]
    assert [str(step.previous) for step in pruned] == ["None", "cohort-00/level-01/ticket/prune"]


def test_every_round_rewinds_to_the_dense_training() -> None:
    rewound = [step for step in steps() if isinstance(step, Rewind)]
    assert [step.kept is not None and step.kept.key for step in rewound] == [
        "cohort-00/level-00/dense/train",
        False,
    ] * 2


def test_a_lost_control_holds_nothing_up() -> None:
    ticket = [step for step in steps() if step.arm == "ticket" and step.kind != "report"]
    assert not [parent for step in ticket for parent in step.parents if parent.arm not in ("ticket", "dense")]


@pytest.mark.parametrize("last", [0, 1])
def test_an_early_stop_is_the_same_list_cut_at_a_round(last: int) -> None:
    spec = read_spec(None, {"pruning": {"sparsity": 0.36}})
    whole = [str(step) for step in imp(spec) if step.kind not in ("benchmark", "report")]
    cut = [str(step) for step in imp(spec, last=last)]
    assert [key for key in whole if key < f"cohort-00/level-{last + 1:02d}"] == [
        k for k in cut if "/benchmark/" not in k and "/report" not in k
    ]
    assert [key.split("/")[3] for key in cut[-2:]] == (["benchmark", "report"] if last else ["train"])


def test_only_gates_know_what_dense_is_compared_with() -> None:
    assert all(step.dense.level == 0 for step in steps() if isinstance(step, Gate))


def test_int8_is_judged_over_the_trainings_of_every_cohort() -> None:
    every = list(imp(read_spec(None, {}), cohorts=3))

    (measured,) = (step for step in every if isinstance(step, Benchmark))
    trained = [step for step in every if isinstance(step, Train) and step.arm == "dense"]
    assert [*measured.earlier, measured.dense] == trained
    assert set(trained) <= set(measured.parents)
    gates = [step for step in every if isinstance(step, Gate) and step.arm == "ticket" and step.level == measured.level]
    assert [*measured.earlier_tickets, measured.ticket] == [gate.candidate for gate in gates]
    assert [*measured.earlier_masks, measured.mask] == [gate.mask for gate in gates]
