"""A run that goes on begins with the first round that is not complete, in a pod's start or two."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ticketsmith.executors.argo import beginning
from ticketsmith.ledger import MANIFEST, Ledger
from ticketsmith.lottery.imp import imp
from ticketsmith.lottery.steps import Step
from ticketsmith.specs import read_spec
from ticketsmith.stores.local import LocalStore

DONE: dict[str, tuple[Callable[[Step], bool], dict[str, str]]] = {
    "nothing": (lambda step: False, {}),
    "dense": (lambda step: step.level == 0, {}),
    "two rounds": (lambda step: step.level < 3, {"cohort": "0", "round": "3"}),
    "the third ticket is not judged": (
        lambda step: step.level < 3 or (step.level == 3 and step.arm == "ticket" and step.kind != "gate"),
        {"cohort": "0", "round": "3"},
    ),
    "all but a control": (lambda step: (step.level, step.arm) != (2, "reinit"), {"cohort": "0", "round": "2"}),
    "all but the benchmark": (lambda step: step.kind != "benchmark", {"cohort": "0", "round": "5"}),
    "everything": (lambda step: True, {}),
}


@pytest.mark.parametrize("name", DONE)
def test_where_a_run_goes_on(tmp_path: Path, name: str) -> None:
    spec, (done, begins) = read_spec(None, {"pruning": {"sparsity": 0.6}}), DONE[name]
    store = LocalStore(tmp_path)
    for step in imp(spec):
        if not step.derived and done(step):
            store.put_once(f"{spec.run_id()}/{step.key}/{MANIFEST}", b"{}")
    assert beginning(Ledger(store, spec.run_id()), spec) == begins
