"""Each file that `ticketsmith task new` writes is trained as it is, at toy size; and so is the test beside it."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from ticketsmith.cli import skeleton
from ticketsmith.cli.tasks import Kind
from ticketsmith.ledger import Ledger
from ticketsmith.lottery.imp import imp
from ticketsmith.specs import resolve
from ticketsmith.stores.local import LocalStore
from ticketsmith_runner import cards
from ticketsmith_runner.check.examine import examine
from ticketsmith_runner.check.trial import Trial
from ticketsmith_runner.context import Context
from ticketsmith_runner.execute import execute
from ticketsmith_runner.tasks import Task
from ticketsmith_runner.workers import single_thread

TINY: dict[str, Any] = {
    "controls": [],
    "training": {"steps": 4, "batch_size": 8, "evaluate_every": 4},
    "pruning": {"sparsity": 0.2, "fraction": 0.2},
}
KINDS = [str(kind) for kind in Kind]


@pytest.fixture(params=KINDS)
def task(request: pytest.FixtureRequest, tmp_path: Path) -> Task:
    """A new task of each kind. Its name is no other's: their folders come to lie on one path."""
    name = f"own_{tmp_path.name}".replace("_", "")[:38]
    skeleton.write(str(tmp_path / f"{name}.py"), request.param)
    single_thread()
    return Task(str(tmp_path), name)


def test_it_trains_prunes_and_is_judged(task: Task) -> None:
    root = f"{task.folder}/data"
    card = cards.card(task, "own", root, engine="0" * 64, code="0" * 64)
    spec = resolve(TINY, card)
    ledger = Ledger(LocalStore(Path(task.folder, "runs")), spec.run_id())
    context = Context(spec=spec, card=card, ledger=ledger, code=task.folder, data_root=root)
    steps = [step for step in imp(spec) if step.kind not in ("benchmark", "report")]
    assert [step.kind for step in steps if execute(step, context)] == ["train", "prune", "rewind", "train", "gate"]


def test_the_check_has_nothing_against_it(task: Task) -> None:
    trial = Trial(
        task=task, name="own", data_root=f"{task.folder}/data", code="0" * 64,
        asked={}, workers=1, folder=Path(task.folder, "runs"),
    )  # fmt: skip
    assert [finding.text for finding in examine(trial).problems] == []


def test_the_test_beside_it_passes(task: Task, tmp_path: Path) -> None:
    spec = spec_from_file_location("beside", tmp_path / f"test_{task.module}.py")
    assert spec and spec.loader
    spec.loader.exec_module(module := module_from_spec(spec))
    tests = [test for name, test in vars(module).items() if name.startswith("test_")]
    assert len(tests) == 3
    for test in tests:
        test(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_template_is_read_at_a_glance(kind: str) -> None:
    assert 25 <= len((skeleton.TEMPLATES / f"{kind}.py").read_text().splitlines()) <= 50
