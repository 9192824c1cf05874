"""Every bundled task, and every file of an extension folder, keeps its contract. A new one is picked up by itself."""

import pytest
import torch
from torch import nn
from torch.utils._pytree import tree_flatten

from ticketsmith import cards
from ticketsmith.lottery.choices import CRITERIA, GRANULARITIES
from ticketsmith.references import entry_points
from ticketsmith.specs import read_spec
from ticketsmith_runner import masks
from ticketsmith_runner.evaluate import Evaluation
from ticketsmith_runner.granularities import granularity
from ticketsmith_runner.names import load
from ticketsmith_runner.network import state
from ticketsmith_runner.tasks import Task

from ..kinds.test_emoji import HAVE
from ..runner.conftest import CODE

TASKS = entry_points()
DATA = {"emoji-ddpm": HAVE}
"""Marks of tasks whose data may not be there."""
THERE = [pytest.param(name, marks=DATA.get(name, ())) for name in TASKS]


def test_the_bundled_tasks_are_installed() -> None:
    assert {"digits-mlp", "mnist-lenet300"} <= TASKS.keys()


@pytest.mark.parametrize("name", THERE)
def test_task(name: str, data_root: str) -> None:
    spec, card = read_spec(None, {"task": name}, data_root), cards.of(name, data_root)
    assert spec.run_id().startswith(f"{name}-")
    assert card.room > 0 and card.validation > 0 and card.test > 0
    assert card.summary and not card.summary.endswith(".")


@pytest.mark.parametrize("name", THERE)
def test_each_example_has_a_score_and_a_loss(name: str, data_root: str) -> None:
    task = Task(CODE, TASKS[name])
    examples = task.examples(data_root)
    numbers = examples.split(0, 0).validation[:40]
    columns = Evaluation(task, examples, 0, 0).columns(task.model({}).eval(), numbers, recorded=True)
    assert all(column.shape == (40,) and column.isfinite().all() for column in columns.values())
    assert all(len(leaf) == 40 for leaf in tree_flatten(examples.batch(numbers))[0])


@pytest.mark.parametrize("name", TASKS)
def test_a_draw_depends_on_its_stream_alone(name: str) -> None:
    draws = []
    for _ in range(2):
        torch.rand(3)
        draws.append(state(Task(CODE, TASKS[name]).model({}, 7)))
    assert all(torch.equal(draws[0][key], value) for key, value in draws[1].items())


@pytest.mark.parametrize("name", CRITERIA)
def test_criterion(name: str) -> None:
    weight = torch.tensor([[-2.0, 1.0], [0.5, -0.25]])
    score = load("criteria", name).score(weight)
    assert score.shape == weight.shape
    assert score.isfinite().all()


@pytest.mark.parametrize("name", GRANULARITIES)
def test_granularity(name: str) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(20, 40), nn.ReLU(), nn.Linear(40, 24), nn.ReLU(), nn.Linear(24, 6))
    scores = {layer: parameter.detach().abs() for layer, parameter in network.named_parameters() if parameter.dim() > 1}
    alive, counts = masks.ones(scores), {"1.weight": 500, "3.weight": 480, "5.weight": 100}
    for share in (1.0, 0.6, 0.3):
        wanted = {layer: int(share * count) for layer, count in counts.items()}
        kept = granularity(name).prune(network, scores, alive, wanted)
        assert list(kept) == list(scores) and all(kept[layer].shape == scores[layer].shape for layer in scores)
        assert not any((kept[layer] & ~alive[layer]).any() for layer in scores)
        assert sum(int(mask.sum()) for mask in kept.values()) == pytest.approx(sum(wanted.values()), rel=0.06)
        alive = kept
