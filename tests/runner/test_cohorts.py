"""`--replicates auto`: cohorts are bought while the gate at the target is undecided, and judged together."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from ticketsmith.cli.judged import judged
from ticketsmith.cli.measure import benchmark_step
from ticketsmith.cli.options import Output
from ticketsmith.cli.show import verdict_of
from ticketsmith.cli.winner import print_best
from ticketsmith.ledger import Ledger
from ticketsmith.lottery.gate import EXIT_CODES
from ticketsmith.lottery.imp import imp
from ticketsmith.lottery.results import Verdict
from ticketsmith.report import collect
from ticketsmith.report.decision import remarks
from ticketsmith.runs import complete, steps
from ticketsmith_runner.looks import nominal
from ticketsmith_runner.tensors import unpack
from ticketsmith_runner.walk import walk

from .conftest import Run

ONE_ROUND = {"pruning": {"sparsity": 0.3}, "controls": ["reinit"]}
OPEN = {**ONE_ROUND, "max_replicates": 15, "gate": {"margin": 0.003}}
"""Networks this small vary so much that 0.3 points lie between the bounds of 15 replicates."""
CLEAR = {**ONE_ROUND, "max_replicates": 15, "gate": {"margin": 0.9}}


def walked(run: Run) -> list[str]:
    """Walk a run; returns the steps that ran anew."""
    events: list[dict[str, Any]] = []
    walk(run.context, events.append)
    return [event["step"] for event in events if event["event"] == "done" and event["fresh"]]


def verdict(ledger: Ledger, key: str) -> Verdict:
    return Verdict.model_validate_json(ledger.store.get(f"{ledger.run_id}/{key}/verdict.json"))


def test_an_open_question_buys_cohorts_up_to_the_limit_and_a_benchmark_at_the_end(start: Callable[..., Run]) -> None:
    run = start(OPEN)
    ran = walked(run)
    assert [key for key in ran if key.endswith("ticket/gate")] == [
        f"cohort-{cohort:02d}/level-01/ticket/gate" for cohort in range(3)
    ]
    assert [key.partition("/")[0] for key in ran if "/benchmark/" in key] == ["cohort-02"]
    assert complete(run.ledger, run.spec)
    assert walked(run) == [key for key in ran if key.endswith("/report")]


def test_a_clear_answer_buys_none(start: Callable[..., Run]) -> None:
    run = start(CLEAR)
    assert not [key for key in walked(run) if not key.startswith("cohort-00/")]
    found = verdict(run.ledger, "cohort-00/level-01/ticket/gate")
    assert (found.status, found.look, found.looks) == ("PASS", 1, 4)  # all that the run may take, paid for or not
    assert found.confidence == nominal(0.95, 4)
    assert complete(run.ledger, run.spec)


def test_cohorts_are_the_replicates_of_one_large_cohort_and_are_judged_as_one(start: Callable[..., Run]) -> None:
    """A replicate does not depend on the cohort that it was bought in."""
    bought, at_once = start(OPEN), start({**OPEN, "replicates": 15, "max_replicates": None}, "at-once")
    for run in (bought, at_once):
        walked(run)
    whole = unpack(at_once.ledger.read(at_once["level-01/ticket/train"], "weights.safetensors"))
    last = [step for step in imp(bought.spec, cohorts=3) if step.key == "cohort-02/level-01/ticket/train"]
    third = unpack(bought.ledger.read(last[0], "weights.safetensors"))
    assert all(torch.equal(third[name], value[10:]) for name, value in whole.items())
    for arm in ("ticket", "reinit"):
        pooled = verdict(bought.ledger, f"cohort-02/level-01/{arm}/gate")
        single = verdict(at_once.ledger, f"cohort-00/level-01/{arm}/gate")
        assert pooled.replicates == single.replicates == list(range(15))
        other = {"look", "replicates_needed"}  # that are whole cohorts
        assert pooled.model_dump(exclude=other) == single.model_dump(exclude=other)
        assert (pooled.look, single.look) == (3, 1)


def test_a_run_that_is_killed_between_cohorts_goes_on_to_the_same_bytes(start: Callable[..., Run]) -> None:
    whole, broken = start(OPEN), start(OPEN, "broken")
    walked(whole)

    def die(event: dict[str, Any]) -> None:
        if event["event"] == "start" and event["step"].startswith("cohort-01/level-01/ticket/train"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        walk(broken.context, die)
    assert [step.cohort for step in steps(broken.ledger, broken.spec)][-1] == 1
    walked(broken)
    keys = [key for key in whole.ledger.store.list(whole.ledger.run_id) if key.endswith("manifest.json")]
    assert len(keys) > 20
    assert all(whole.ledger.store.get(key) == broken.ledger.store.get(key) for key in keys if "benchmark" not in key)


def test_the_report_shows_the_newest_verdicts_and_says_how_many_looks_it_took(start: Callable[..., Run]) -> None:
    run = start(OPEN)
    walked(run)
    findings = collect(run.ledger, run.spec, run.context.card)
    assert [(each.arm, each.look) for each in findings.verdicts] == [("ticket", 3), ("reinit", 3)]
    assert not findings.missing
    said = "Still open after 15 replicates, look 3 of 4 at most: each look is held to 98.07\u00a0%"
    assert any(remark.startswith(said) for remark in remarks(findings)), remarks(findings)
    assert "cohort-02/level-01/ticket/gate" in findings.inputs
    assert findings.trainers == {"0": "csr-mlp", "1": "csr-mlp"}


def test_best_names_what_all_cohorts_together_say(
    start: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    """The newest gate of a level judges the cohorts before it too; the ticket is that of its own cohort."""
    run = start({**OPEN, "gate": {"margin": 0.02}, "looks": 3})
    ran = walked(run)
    newest = [key.partition("/")[0] for key in ran if key.endswith("ticket/gate")][-1]
    assert newest > "cohort-00", "the case that this is about"
    code = print_best(run.ledger.store, run.ledger.run_id, run.spec, Output.json)
    found = verdict(run.ledger, f"{newest}/level-01/ticket/gate")
    assert code == EXIT_CODES[found.status]
    if found.status == "PASS":
        assert f"/{newest}/level-01/ticket/train" in json.loads(capsys.readouterr().out)["weights"]


def test_a_cohort_that_has_only_begun_hides_no_verdict_and_no_ticket(start: Callable[..., Run]) -> None:
    """As after `run dense --replicates 15`, or a command that was ended."""
    run = start({**OPEN, "max_replicates": 10})
    walked(run)
    more = run.spec.model_copy(update={"max_replicates": 15})
    walk(replace(run.context, spec=more), lambda event: None, until=0)
    assert run.ledger.store.exists(f"{run.ledger.run_id}/cohort-02/level-00/dense/train/manifest.json")
    found = verdict_of(run.ledger, more)
    assert found is not None and (found.look, found.status) == (2, "UNDECIDED")
    assert benchmark_step(more, judged(run.ledger, more)[-1]).cohort == 1
