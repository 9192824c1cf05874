"""Claims that only a GPU can show. Without one these tests are skipped, and what they claim is not shown."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ticketsmith.lottery.results import TrainMetrics
from ticketsmith.lottery.spec import Training
from ticketsmith_runner import memory, planner
from ticketsmith_runner.execute import execute
from ticketsmith_runner.tensors import unpack
from ticketsmith_runner.trainers import State, _recorded, begin, eager, stack
from ticketsmith_runner.workers import single_thread

from .conftest import Run
from .test_beyond_chains import Tied, apart, convolutional, dropping, problem

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU is here")

SGD = Training(steps=1, batch_size=16, learning_rate=0.1, momentum=0.9, device="cuda")
ADAM = SGD.model_copy(update={"optimizer": "adam", "learning_rate": 0.01, "momentum": 0.0})
LOOKING_AHEAD = SGD.model_copy(update={"nesterov": True, "weight_decay": 1e-2, "clip": 0.1})
DECOUPLED = ADAM.model_copy(update={"optimizer": "adamw", "weight_decay": 1e-1, "clip": 0.1})
UPDATES = 8  # more than are made before an update is recorded


@pytest.fixture(autouse=True)
def as_a_worker() -> None:
    single_thread()


def trained(
    name: str, make: Callable[[], nn.Module], seeds: list[int], training: Training, updates: int
) -> list[State]:
    problems = [problem(make(), seed) for seed in seeds]
    group = begin(name, make(), [each[0] for each in problems], [each[1] for each in problems], training)
    group.advance(range(updates), [each[2].on(training.device) for each in problems])
    return [member.capture() for member in group.members]


@pytest.mark.parametrize("make", [convolutional, Tied])
@pytest.mark.parametrize("name", ["eager", "stack"])
@pytest.mark.parametrize("training", [SGD, LOOKING_AHEAD])
def test_an_update_is_that_of_eager_on_the_cpu(name: str, make: Callable[[], nn.Module], training: Training) -> None:
    first = trained("eager", make, [4], training.model_copy(update={"device": "cpu"}), 1)[0]
    assert apart(first, trained(name, make, [4], training, 1)[0]) < 1e-6


MAKES = [("stack", convolutional), ("stack", Tied), ("eager", convolutional), ("eager", Tied), ("eager", dropping)]


@pytest.mark.parametrize(("name", "make"), MAKES)
@pytest.mark.parametrize("training", [SGD, ADAM, LOOKING_AHEAD, DECOUPLED])
def test_a_recorded_update_is_the_one_that_was_recorded(
    name: str, make: Callable[[], nn.Module], training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the rates of later updates and what dropout draws in them: the bytes of updates that are not recorded."""
    for file in (stack, eager):
        monkeypatch.setattr(file, "learning_rate", lambda training, update: training.learning_rate / (1 + update))
    seeds = [3, 4] if name == "stack" else [3]
    launches: list[object] = []
    launch = _recorded._launch
    monkeypatch.setattr(_recorded, "_launch", lambda *given: launches.append(launch(*given)))
    replayed = trained(name, make, seeds, training, UPDATES)
    assert len(launches) == _recorded.WARM
    monkeypatch.setattr(_recorded, "WARM", 2 * UPDATES)
    launched = trained(name, make, seeds, training, UPDATES)
    assert len(launches) == 3 + UPDATES
    assert all(apart(*each) == 0 for each in zip(replayed, launched, strict=True))


@pytest.mark.parametrize("make", [convolutional, Tied])
@pytest.mark.parametrize("training", [ADAM, LOOKING_AHEAD, DECOUPLED])
def test_a_training_gives_the_same_bytes_again_and_masked_weights_stay_zero(
    make: Callable[[], nn.Module], training: Training
) -> None:
    first, again = (trained("stack", make, [3, 4, 5], training, UPDATES) for _ in "12")
    assert all(apart(*each) == 0 for each in zip(first, again, strict=True))
    for seed, after in zip([3, 4, 5], first, strict=True):
        _, mask, _ = problem(make(), seed)
        assert all(not after[f"weights/{name}"][~kept].any() for name, kept in mask.items())


@pytest.mark.parametrize("make", [convolutional, Tied])
def test_an_update_depends_on_the_other_replicates_by_rounding_alone(make: Callable[[], nn.Module]) -> None:
    together = trained("stack", make, [3, 4, 5], SGD, 1)[1]
    assert apart(together, trained("stack", make, [4], SGD, 1)[0]) < 1e-6


def test_a_whole_training_is_as_good_as_on_the_cpu(start: Callable[..., Run]) -> None:
    def accuracy(root: str, device: str) -> list[float]:
        run = start({"training": {"device": device}}, root)
        planner.prepare(run.context, None)
        execute(run["level-00/dense/train"], run.context)
        return TrainMetrics.model_validate_json(run.ledger.read(run["level-00/dense/train"], "metrics.json")).test_score

    ours, theirs = accuracy("gpu", "cuda"), accuracy("cpu", "cpu")
    assert sum(ours) / len(ours) == pytest.approx(sum(theirs) / len(theirs), abs=0.02)


@pytest.fixture
def little_memory() -> Iterator[Callable[[int], None]]:
    """Bytes of the GPU that this process may have."""
    whole = torch.cuda.get_device_properties(0).total_memory
    yield lambda size: torch.cuda.set_per_process_memory_fraction(size / whole)
    torch.cuda.set_per_process_memory_fraction(1.0)


def test_memory_that_really_runs_out_halves_the_stack(
    start: Callable[..., Run],
    little_memory: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def weights(root: str) -> dict[str, Tensor]:
        wide: dict[str, Any] = {"options": {"hidden": [2048, 2048]}, "training": {"device": "cuda", "steps": 6}}
        run = start(wide, root)
        planner.prepare(run.context, None)
        execute(run["level-00/dense/train"], run.context)
        return unpack(run.ledger.read(run["level-00/dense/train"], "weights.safetensors"))

    whole = weights("whole")
    memory.free()
    monkeypatch.setattr(stack, "most", lambda *given: 99)
    little_memory(torch.cuda.memory_reserved() + 400 * 2**20)
    halved = weights("halved")
    assert "half of them" in capsys.readouterr().err
    assert apart(whole, halved) < 1e-3
