"""Every file of an extension folder keeps the folder's contract. A new file is picked up by itself."""

import pytest
import torch
from torch import nn

from ticketsmith.errors import UsageError
from ticketsmith.lottery.choices import BACKENDS
from ticketsmith.names import load, names
from ticketsmith.specs import read_spec, run_id, task
from ticketsmith_runner import masks
from ticketsmith_runner.backends import every
from ticketsmith_runner.data import digest
from ticketsmith_runner.granularities import granularity
from ticketsmith_runner.network import build, draw, prunable
from ticketsmith_runner.seeds import generator

TASKS = names("ticketsmith.tasks")


@pytest.mark.parametrize("name", TASKS)
def test_task(name: str) -> None:
    record = task(name)
    spec = read_spec(None, {"task": name})
    assert run_id(spec).startswith(f"{name}-")
    assert record.dataset in names("ticketsmith_runner.datasets")
    assert bool(record.test) != bool(record.folds), "a task has its own test split or is cross-fitted"
    assert record.validation < record.examples - record.test


@pytest.mark.parametrize("name", TASKS)
def test_data(name: str, data_root: str) -> None:
    record = task(name)
    examples = load("ticketsmith_runner.datasets", record.dataset).load(data_root)
    assert digest(examples) == record.digest
    assert examples.pixels.shape == (record.examples, *record.shape[-2:])
    assert examples.pixels.max() == examples.peak
    assert sorted(set(examples.labels.tolist())) == list(range(record.classes))


@pytest.mark.parametrize("name", names("ticketsmith_runner.models"))
def test_model(name: str) -> None:
    module = load("ticketsmith_runner.models", name).build((1, 8, 8), 10, (6, 5))
    assert module(torch.zeros(3, 1, 8, 8)).shape == (3, 10)
    assert len(prunable(module)) >= 2


@pytest.mark.parametrize("name", TASKS)
def test_a_draw_depends_on_its_stream_alone(name: str) -> None:
    spec, record = read_spec(None, {"task": name}), task(name)
    draws = []
    for _ in range(2):
        torch.rand(3)
        draws.append(draw(build(spec.model, record), generator(0, 0, "init")))
    assert all(torch.equal(draws[0][key], value) for key, value in draws[1].items())


@pytest.mark.parametrize("name", names("ticketsmith_runner.criteria"))
def test_criterion(name: str) -> None:
    weight = torch.tensor([[-2.0, 1.0], [0.5, -0.25]])
    score = load("ticketsmith_runner.criteria", name).score(weight)
    assert score.shape == weight.shape
    assert score.isfinite().all()


@pytest.mark.parametrize("name", names("ticketsmith_runner.granularities"))
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


def test_back_ends_have_the_names_that_a_spec_may_hold() -> None:
    assert tuple(every()) == BACKENDS


def test_a_best_dense_one_is_there_on_every_machine() -> None:
    baselines = {name for name, backend in every().items() if backend.KIND.baseline and not backend.KIND.asked}
    assert "pytorch" in baselines


def test_an_unknown_name_is_answered_with_the_choices() -> None:
    with pytest.raises(UsageError, match="did you mean 'digits-mlp'"):
        task("digit-mlp")
