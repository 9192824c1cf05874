"""Toy experiments: real digits, a small net, a few updates."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

import ticketsmith_tasks
from ticketsmith import cards
from ticketsmith.environment import environment
from ticketsmith.ledger import Ledger
from ticketsmith.lottery.card import Card
from ticketsmith.lottery.imp import imp
from ticketsmith.lottery.spec import Experiment
from ticketsmith.lottery.steps import Step
from ticketsmith.specs import merge, read_spec, resolve
from ticketsmith.stores.local import LocalStore
from ticketsmith_runner.cards import card
from ticketsmith_runner.context import Context
from ticketsmith_runner.execute import execute
from ticketsmith_runner.tasks import Task
from ticketsmith_runner.workers import single_thread

from ..made_once import made_once

TINY: dict[str, Any] = {
    "replicates": 5,
    "controls": ["reinit", "random"],
    "options": {"hidden": [20, 10]},
    "training": {"steps": 12, "batch_size": 32, "evaluate_every": 5, "schedule": "constant"},
    "pruning": {"sparsity": 0.5, "fraction": 0.3},
    "benchmark": {"batch_sizes": [1], "rounds": 1, "seconds": 0.0001},
}


CODE = str(Path(ticketsmith_tasks.__file__).parents[1])
"""Folder that import names of the bundled tasks start from."""


class Run:
    """A finished toy run and everything it wrote."""

    def __init__(self, spec: Experiment, root: Path, data_root: str = "", own: tuple[Card, str] | None = None) -> None:
        """`own`: the card of a task that no store has, and the folder of its code."""
        single_thread()
        self.spec = spec
        self.ledger = Ledger(LocalStore(root), spec.run_id(), environment())
        if own is None:
            cards.keep(self.ledger.store, spec, data_root)
        card, code = own or (cards.read(self.ledger), CODE)
        self.context = Context(spec=spec, card=card, ledger=self.ledger, code=code, data_root=data_root)
        self.steps: dict[str, Step] = {step.key.removeprefix("cohort-00/"): step for step in imp(spec)}

    def go(self) -> list[str]:
        """Run what is not done; returns the keys of the steps that ran."""
        return [step.key for step in self.steps.values() if step.kind != "report" and execute(step, self.context)]

    def __getitem__(self, key: str) -> Step:
        return self.steps[key]


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Run]:
    """A toy run that has not begun, with spec fields laid over TINY."""

    def started(overrides: dict[str, Any] | None = None, root: str = "runs") -> Run:
        return Run(read_spec(None, merge(TINY, overrides or {})), tmp_path / root)

    return started


@pytest.fixture
def own(tmp_path: Path) -> Callable[..., Run]:
    """A toy run of a task that the test writes: digits with another network, or whatever else `source` holds."""

    def started(source: str, overrides: dict[str, Any] | None = None, root: str = "own-runs") -> Run:
        name = f"own{sha256(source.encode()).hexdigest()[:8]}"
        (tmp_path / f"{name}.py").write_text(DIGITS + source)
        made = card(Task(str(tmp_path), name), "own", "", engine="e" * 64, code="c" * 64)
        whole = merge({key: value for key, value in TINY.items() if key != "options"}, overrides or {})
        return Run(resolve(whole, made), tmp_path / root, own=(made, str(tmp_path)))

    return started


DIGITS = """
import torch
from torch import nn
from ticketsmith_tasks.digits_mlp import DEFAULTS, METRIC, data, loss, record, score
"""


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One finished toy run, rewound to theta_0, shared by tests that only read."""
    spec = read_spec(None, TINY)
    return Run(spec, made_once(tmp_path_factory, "finished", lambda folder: Run(spec, folder).go()))


@pytest.fixture(scope="session")
def rewound(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same, rewound to update 4 of momentum SGD."""
    other = merge(TINY, {"pruning": {"rewind_to": 4}, "training": {"optimizer": "sgd", "momentum": 0.9}})
    spec = read_spec(None, other)
    return Run(spec, made_once(tmp_path_factory, "rewound", lambda folder: Run(spec, folder).go()))
