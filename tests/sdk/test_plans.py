"""The plan of a run: what it began with holds, and more replicates go on with what was trained."""

from pathlib import Path
from typing import Any

import pytest

from ticketsmith import plans, tries
from ticketsmith.errors import UsageError
from ticketsmith.ledger import Ledger
from ticketsmith.lottery.imp import imp
from ticketsmith.lottery.spec import Experiment
from ticketsmith.specs import read_spec
from ticketsmith.stores.local import LocalStore


def asked(**fields: Any) -> Experiment:
    return read_spec(None, {"replicates": 10, **fields})


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """The ledger of a run that began with ten replicates a look."""
    began = Ledger(LocalStore(tmp_path), asked().run_id())
    plans.settle(began, asked())
    return began


@pytest.mark.parametrize(
    ("fields", "most"), [({}, None), ({"replicates": 20}, 20), ({"replicates": 40}, 40), ({"max_replicates": 30}, 30)]
)
def test_more_replicates_are_further_looks(ledger: Ledger, fields: dict[str, Any], most: int | None) -> None:
    held = plans.held(ledger, asked(**fields))
    assert (held.replicates, held.looks, held.max_replicates) == (10, 4, most)
    assert held.run_id() == ledger.run_id


@pytest.mark.parametrize(
    "fields", [{"replicates": 5}, {"replicates": 15}, {"replicates": 50}, {"looks": 1}, {"looks": 8}]
)
def test_another_plan_is_refused_with_what_goes_on(ledger: Ledger, fields: dict[str, Any]) -> None:
    with pytest.raises(
        UsageError, match=r"--replicates \d+` goes on with it \(one of 10, 20, 30, 40\); .* fresh seeds: `--seed 1`"
    ):
        plans.held(ledger, asked(**fields))


def test_whoever_comes_past_the_command_line_is_refused_as_well(ledger: Ledger) -> None:
    plans.settle(ledger, asked())
    with pytest.raises(UsageError, match="looks after 10, 20, 30, 40 replicates"):
        plans.settle(ledger, asked(replicates=5))


def test_what_was_begun_is_finished_whatever_is_asked_for(ledger: Ledger) -> None:
    wide = asked(max_replicates=40)
    for dense in [step for step in imp(wide, cohorts=2, last=0) if step.kind == "train"]:
        ledger.commit(dense, {"made.txt": b"made"})
    assert plans.held(ledger, asked()).max_replicates == 20


def test_seeds_are_tries_of_one_question_and_replicates_are_not(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for fields in ({}, {"replicates": 20}, {"seed": 1}, {"gate": {"margin": 0.01}}, {"seed": 2}):
        spec = asked(**fields)
        tries.enter(Ledger(store, spec.run_id()), spec)
    first, second, third = (asked(seed=seed).run_id() for seed in (0, 1, 2))
    assert tries.earlier(Ledger(store, first)) == []
    assert tries.earlier(Ledger(store, second)) == [first]
    assert tries.earlier(Ledger(store, third)) == sorted([first, second])
    tries.enter(Ledger(store, first), asked())
    assert tries.earlier(Ledger(store, first)) == []
