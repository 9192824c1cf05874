"""The gate step: from committed records to `verdict.json`."""

import json
import subprocess
import sys
from collections.abc import Callable
from math import inf, nan, pi, tan
from pathlib import Path

import numpy as np
import pytest

from ticketsmith.errors import Diverged, IntegrityError
from ticketsmith.lottery.imp import imp
from ticketsmith.lottery.results import Verdict
from ticketsmith.lottery.steps import Gate, Train
from ticketsmith.specs import read_spec
from ticketsmith_runner.columns import on_test, read
from ticketsmith_runner.execute import execute
from ticketsmith_runner.looks import nominal

from ..runner.conftest import Run as Toy
from .conftest import EXAMPLES, ROLES, Arm

Run = Callable[..., Verdict]


def test_a_verdict_by_hand(gate: Run) -> None:
    """The ticket errs on 10, 20 and dense on 30, of 400; nothing differs in the second replicate's 399."""
    verdict = gate(Arm(wrong=(30,)), Arm(wrong=(10, 20)), margin=0.01)
    assert (verdict.arm, verdict.level, verdict.replicates) == ("ticket", 1, [0, 1])
    assert (verdict.sparsity, verdict.kept, verdict.prunable) == (0.6, 40, 100)
    assert (verdict.test_score, verdict.dense_test_score) == ([0.995, 1.0], [0.9975, 1.0])
    assert (verdict.score.mean, verdict.dense_score.mean) == (0.9975, 0.99875)
    assert (verdict.early_stop_step.mean, verdict.dense_early_stop_step.n) == (165, 2)
    assert (verdict.margin, verdict.loss_margin, verdict.confidence) == (0.01, None, 0.95)
    items = ((3 - 1 / 799) / 798 / 799) ** 0.5  # of 799 differences: 1, -1, -1 and zeros
    assert (verdict.difference.mean, verdict.difference.examples) == (-0.00125, 799)
    assert verdict.difference.se_replicates == pytest.approx(0.00125)
    assert verdict.difference.se == verdict.difference.se_items == pytest.approx(items)
    assert verdict.difference.low == pytest.approx(-0.00125 - tan(pi * 0.45) * items)
    assert (verdict.loss_difference.mean, verdict.loss_difference.se) == (0, 0)
    assert verdict.status == "UNDECIDED"


def test_equal_arms_pass(gate: Run) -> None:
    """No example differs; the bounds are those of a test set of 799 that half a point less would be lost in."""
    verdict = gate(Arm(wrong=(30,)), Arm(wrong=(30,)))
    reach = 1.6448536 * (0.005 * 0.995 / 799) ** 0.5
    assert (verdict.status, verdict.difference.mean, verdict.difference.se) == ("PASS", 0, 0)
    assert (verdict.difference.low, verdict.difference.high) == pytest.approx((-reach, reach))


def test_equal_arms_on_too_few_examples_do_not(gate: Run) -> None:
    few = Arm(examples=[row[:201] for row in EXAMPLES], roles=[row[:201] for row in ROLES])
    verdict = gate(few, few)
    assert (verdict.status, verdict.difference.mean, verdict.difference.examples) == ("UNDECIDED", 0, 400)
    assert (
        verdict.reason
        == "400 test examples cannot show a margin of 0.5 points at 95 %: even a ticket that loses none takes 539"
    )


def test_each_of_several_looks_is_held_to_more(gate: Run) -> None:
    once, first = gate(Arm(), Arm()), gate(Arm(), Arm(), looks=4)
    assert (first.look, first.looks, first.confidence) == (1, 4, nominal(0.95, 4))
    assert first.difference.low == pytest.approx(2.067 / 1.645 * once.difference.low, rel=1e-3)
    assert (once.status, first.status) == ("PASS", "UNDECIDED")


def test_validation_examples_do_not_count(gate: Run) -> None:
    assert gate(Arm(), Arm(wrong=(7,), losses={7: 100.0}), loss_margin=0.01).status == "PASS"


def test_added_loss_fails_where_it_is_judged(gate: Run) -> None:
    dearer = Arm(losses={example: 0.75 for row in EXAMPLES for example in row})
    verdict = gate(Arm(), dearer, loss_margin=0.2)
    assert (verdict.loss_difference.mean, verdict.loss_difference.low, verdict.difference.mean) == (0.25, 0.25, 0)
    assert verdict.status == "FAIL"


ALONE = "; with one replicate this is about these two networks alone, not about training them again"


def test_one_replicate_is_judged_by_its_examples(gate: Run) -> None:
    """Two of 700 are lost; the bound is that of the spread over examples, or that of a margin really lost."""
    alone = {"examples": [[*range(700)]], "roles": [[2] * 700]}
    verdict = gate(Arm(**alone), Arm(**alone, wrong=(10, 20)), margin=0.02)
    items = (2 * (1 - 2 / 700) / 699 / 700) ** 0.5
    assert verdict.difference.se == verdict.difference.se_items == pytest.approx(items)
    reach = 1.6448536 * (0.02 * 0.98 / 700) ** 0.5
    assert reach > 1.647 * items and verdict.difference.low == pytest.approx(-2 / 700 - reach)
    assert (verdict.status, verdict.alone, verdict.difference.se_replicates) == ("PASS", True, None)
    assert verdict.reason == (
        "the one-sided 95 % lower bound of the difference, -1.16 points, lies above -2.00 points" + ALONE
    )


def test_one_replicate_of_several_that_were_asked_for_waits_for_the_others(gate: Run) -> None:
    alone = Arm(examples=EXAMPLES[:1], roles=ROLES[:1])
    verdict = gate(alone, alone, looks=4, most=2)
    assert (verdict.status, verdict.alone, verdict.difference.low) == ("UNDECIDED", False, None)
    assert verdict.reason == "one replicate: the variance over training seeds is unknown; use --replicates"


def test_a_diverged_candidate_fails_though_nothing_is_lost(gate: Run) -> None:
    verdict = gate(Arm(), Arm(diverged_at=[None, 110]))
    assert (verdict.status, verdict.difference.mean) == ("FAIL", 0) and verdict.difference.low > -verdict.margin
    assert verdict.reason == "ticket diverged (loss is NaN or infinite): replicate 1 at update 110"


def test_both_arms_that_diverged_are_named(gate: Run) -> None:
    verdict = gate(Arm(diverged_at=[220, None]), Arm(diverged_at=[None, 110]))
    assert verdict.status == "FAIL"
    assert "dense diverged (loss is NaN or infinite): replicate 0 at update 220; ticket diverged" in verdict.reason


@pytest.mark.parametrize("margin", [None, 0.1])
@pytest.mark.parametrize("loss", [nan, inf])
def test_a_test_loss_that_is_not_finite_fails(gate: Run, loss: float, margin: float | None) -> None:
    verdict = gate(Arm(losses={50: inf}), Arm(losses={50: loss, 10: 0.9}), loss_margin=margin)
    assert (verdict.status, verdict.reason.count("replicate 1 at update 220")) == ("FAIL", 2)
    assert verdict.loss_difference.mean == pytest.approx(0.4 / 400)  # of the other replicate
    assert verdict.loss_difference.low is None


def test_no_finite_test_loss_at_all_is_an_error(gate: Run) -> None:
    with pytest.raises(Diverged):
        gate(Arm(), Arm(losses={50: nan, 10: nan}))


@pytest.mark.parametrize(
    ("other", "name"),
    [
        (Arm(examples=[EXAMPLES[0], [7, 60, 50, 71, *EXAMPLES[1][4:]]]), "example"),
        (Arm(examples=[EXAMPLES[0][::-1], EXAMPLES[1]]), "example"),
        (Arm(roles=[ROLES[0], [2, 1, *ROLES[1][2:]]]), "role"),
        (Arm(examples=EXAMPLES[:1], roles=ROLES[:1]), "example"),
    ],
)
def test_records_that_do_not_pair_are_refused(gate: Run, other: Arm, name: str) -> None:
    with pytest.raises(IntegrityError, match=rf"level-01/ticket/gate: .*\({name} differs\)"):
        gate(Arm(), other)


def test_the_gate_needs_no_torch() -> None:
    """A test set of any size is judged by a process that starts in a tenth of a second."""
    asked = "import sys, ticketsmith_runner.steps.gate; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0


def test_the_records_say_what_the_metrics_say(tmp_path: Path) -> None:
    """A real round: test accuracies counted from the records are those that training reported, to the last bit."""
    spec = read_spec(
        None,
        {
            "replicates": 5,
            "controls": [],
            "options": {"hidden": [20]},
            "training": {"steps": 30, "evaluate_every": 10},
            "pruning": {"sparsity": 0.5, "fraction": 0.5},
        },
    )
    run = Toy(spec, tmp_path)
    ledger, context = run.ledger, run.context
    steps = [step for step in imp(spec, last=1) if step.kind in ("prune", "rewind", "train", "gate")]
    for step in steps:
        execute(step, context)
    for step in steps:
        if isinstance(step, Train):
            scores = on_test(read([ledger.read(step, "records.safetensors")]), "score")
            counted = [float(score.mean()) for score in scores]
            assert counted == json.loads(ledger.read(step, "metrics.json"))["test_score"]
    verdict = json.loads(ledger.read(next(step for step in steps if isinstance(step, Gate)), "verdict.json"))
    gained = np.subtract(verdict["test_score"], verdict["dense_test_score"])
    assert verdict["difference"]["mean"] == pytest.approx(gained.mean(), abs=1e-15)
