"""Networks that are no chains: BatchNorm, dropout and tied weights are right in every trainer that takes them."""

import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ticketsmith.errors import Retryable, UsageError
from ticketsmith.lottery.choices import TRAINERS
from ticketsmith.lottery.spec import Training
from ticketsmith_runner import memory, planner
from ticketsmith_runner.execute import execute
from ticketsmith_runner.loop import Look, Trace, train_all
from ticketsmith_runner.network import prunable, restore, state
from ticketsmith_runner.objectives import classification
from ticketsmith_runner.steps import train
from ticketsmith_runner.tasks import Task
from ticketsmith_runner.tensors import pack, unpack
from ticketsmith_runner.trainers import Batches, Loss, Mask, State, begin, stack, trainer
from ticketsmith_runner.trainers.eager import Eager
from ticketsmith_runner.workers import workers

from .conftest import CODE, Run
from .nets import build, draw

SICK = 7  # a seed
SUBJECT = planner.Subject(Task(CODE, "ticketsmith_tasks.digits_mlp"), weights=1500, resident=True, draws=False)
ADAM = Training(steps=400, batch_size=16, optimizer="adam", learning_rate=1e-2)


def convolutional() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 4))


class Tied(nn.Module):
    """One matrix, used twice, under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.flat, self.first, self.again, self.last = (
            nn.Flatten(),
            nn.Linear(64, 64),
            nn.Linear(64, 64),
            nn.Linear(64, 4),
        )
        self.again.weight = self.first.weight

    def forward(self, inputs: Tensor) -> Tensor:
        out: Tensor = self.last(torch.relu(self.again(torch.relu(self.first(self.flat(inputs))))))
        return out


def dropping() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 30), nn.ReLU(), nn.Dropout(0.5), nn.Linear(30, 10))


def problem(network: nn.Module, seed: int) -> tuple[State, Mask, Batches]:
    draws = torch.Generator().manual_seed(seed)
    mask = {name: torch.rand(p.shape, generator=draws) < 0.5 for name, p in network.named_parameters() if p.dim() > 1}
    drawn = draw(network, draws)
    start = {f"weights/{name}": value * mask[name] if name in mask else value for name, value in drawn.items()}
    inputs, labels = torch.randn(200, 1, 8, 8, generator=draws), torch.randint(0, 4, (200,), generator=draws)
    orders = torch.randint(0, 200, (100, 16), generator=draws)
    return start, mask, Batches((inputs, labels), lambda update: orders[update], lambda update: 1000 * seed + update)


def trained(
    name: str, make: Callable[[], nn.Module], seeds: list[int], updates: int = 20, training: Training = ADAM
) -> list[State]:
    problems = [problem(make(), seed) for seed in seeds]
    group = begin(name, make(), [each[0] for each in problems], [each[1] for each in problems], training)
    group.advance(range(updates), [each[2] for each in problems])
    return [member.capture() for member in group.members]


def apart(ours: State, theirs: State) -> float:
    assert ours.keys() == theirs.keys()
    return max(float((ours[name].double() - theirs[name].double()).abs().max()) for name in ours)


def test_a_member_of_a_stack_of_linears_has_the_bytes_it_has_alone() -> None:
    together = trained("stack", Tied, [3, 4, 5])
    assert apart(together[1], trained("stack", Tied, [4])[0]) == 0


@pytest.mark.parametrize("make", [convolutional, Tied])
def test_an_update_of_a_stack_is_that_of_its_members_alone_and_that_of_eager(make: Callable[[], nn.Module]) -> None:
    """A stack of convolutions is one with groups, whose sums have another order: 1e-6 an update is what is promised.

    By SGD: the first update of Adam is the sign of a gradient, and that of a bias before a normalization is noise.
    """
    sgd = Training(steps=1, batch_size=16, learning_rate=0.1)
    together = trained("stack", make, [3, 4, 5], 1, sgd)[1]
    assert apart(together, trained("stack", make, [4], 1, sgd)[0]) < 1e-6
    assert apart(together, trained("eager", make, [4], 1, sgd)[0]) < 1e-6


@pytest.mark.parametrize("name", ["eager", "stack"])
@pytest.mark.parametrize("training", [ADAM, Training(steps=400, batch_size=16, learning_rate=0.05, momentum=0.9)])
def test_convolutions_go_on_from_a_state_that_was_packed(name: str, training: Training) -> None:
    """Packing lays memory out anew, and fused optimizers walk through memory: moments went to other weights."""
    make = lambda: nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(64, 4))  # noqa: E731
    start, mask, batches = problem(make(), 0)
    whole, first = (begin(name, make(), [start], [mask], training) for _ in "12")
    whole.advance(range(10), [batches])
    first.advance(range(5), [batches])
    rest = begin(name, make(), [unpack(pack(first.members[0].capture()))], [mask], training)
    rest.advance(range(5, 10), [batches])
    assert apart(whole.members[0].capture(), rest.members[0].capture()) == 0


def test_weights_of_three_dimensions_and_more_train_too() -> None:
    network = nn.Sequential(nn.Unflatten(1, (1, 1)), nn.Conv3d(1, 2, (1, 3, 3)), nn.Flatten(), nn.Linear(72, 4))
    start, mask, batches = problem(network, 0)
    ours = Eager(network, start, mask, ADAM)
    ours.advance(range(3), batches)
    assert not ours.weights()["weights/1.weight"][~mask["1.weight"]].any()


@pytest.mark.parametrize("name", ["eager", "stack"])
def test_a_tied_weight_is_pruned_once_and_stays_tied(name: str) -> None:
    assert list(prunable(Tied())) == ["first.weight", "last.weight"]
    (after,) = trained(name, Tied, [0])
    _, mask, _ = problem(Tied(), 0)
    network = Tied()
    restore(
        network, {key.removeprefix("weights/"): value for key, value in after.items() if key.startswith("weights/")}
    )
    assert network.again.weight is network.first.weight
    assert torch.equal(network.again.weight != 0, mask["first.weight"])


def test_a_state_of_another_network_is_refused() -> None:
    with pytest.raises(KeyError, match="other tensors"):
        restore(Tied(), state(convolutional()))


def test_dropout_draws_from_a_stream_of_its_own() -> None:
    """Not from whatever the process drew before, and not the same twice."""
    first = trained("eager", dropping, [1])[0]
    torch.rand(7)
    assert apart(first, trained("eager", dropping, [1])[0]) == 0
    start, mask, batches = problem(dropping(), 1)
    other = Eager(dropping(), start, mask, ADAM)
    other.advance(range(20), replace(batches, noise=lambda update: 5))
    assert apart(first, other.capture()) > 0
    assert "Dropout" in (trainer("stack").refuses(dropping()) or "")
    assert trainer("stack").refuses(nn.Sequential(nn.Dropout(0.0), nn.Linear(2, 2))) is None


DROPPING = """
def model():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 30), nn.ReLU(), nn.Dropout(0.5), nn.Linear(30, 10))
"""


def test_a_network_with_dropout_does_not_depend_on_cohort_or_workers(own: Callable[..., Run]) -> None:
    def weights(root: str, count: int, more: dict[str, Any]) -> dict[str, Tensor]:
        run = own(DROPPING, {"training": {"trainer": "eager"}, **more}, root)
        with workers(count) as pool:
            execute(run["level-00/dense/train"], replace(run.context, workers=pool))
        return unpack(run.ledger.read(run["level-00/dense/train"], "weights.safetensors"))

    alone, together, more = weights("a", 1, {}), weights("b", 3, {}), weights("c", 2, {"replicates": 10})
    assert all(torch.equal(alone[key], together[key]) and torch.equal(alone[key], more[key][:5]) for key in alone)


BRANCHING = """
class Branching(nn.Sequential):
    def forward(self, inputs):
        return super().forward(inputs if inputs.sum() > 0 else -inputs)

def model():
    return Branching(nn.Flatten(), nn.Linear(64, 10))
"""


def test_what_torch_cannot_stack_is_left_to_eager(own: Callable[..., Run]) -> None:
    run = own(BRANCHING, {"training": {"trainer": "stack"}})
    choice = planner.vetted(planner.plan(run.context), lambda name: planner.difference(name, run.context))[0]
    assert choice.trainer == "eager" and "stack fails on this machine" in choice.reason


def test_what_fails_in_the_precision_that_is_asked_for_is_left_to_eager(
    start: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = stack.start

    def refusing(network: nn.Module, state: State, mask: Mask, training: Training, *loss: Loss) -> stack.Member:
        if training.precision == "bfloat16":
            raise RuntimeError("Expected grad_output to have type BFloat16 but got Float")
        return begun(network, state, mask, training, *loss)

    monkeypatch.setattr(stack, "start", refusing)
    for precision, name in (("float32", "stack"), ("bfloat16", "eager")):
        run = start({"training": {"trainer": "stack", "precision": precision}}, precision)
        assert planner.settled(run.context)[0] == name


def test_a_replicate_that_diverges_leaves_the_others_of_its_stack_alone() -> None:
    def traced(seeds: list[int]) -> list[Trace]:
        problems = [problem(convolutional(), seed) for seed in seeds]
        for (start, _, _), seed in zip(problems, seeds, strict=True):
            start["weights/0.weight"] *= torch.inf if seed == SICK else 1
        states, masks, batches = zip(*problems, strict=True)
        look: Look = lambda model: (float(model(batches[0].examples[0]).detach().sum()), 0.5)  # noqa: E731
        training = ADAM.model_copy(update={"evaluate_every": 3})
        begun = begin("stack", convolutional(), states, masks, training)
        return train_all(begun, training, span=range(10), keep=8, batches=batches, looks=[look for _ in seeds])

    first, sick, last = traced([0, SICK, 1])
    assert (first.diverged_at, sick.diverged_at, last.diverged_at) == (None, 3, None)
    assert sick.looks == [3] and sick.kept is not None and first.looks == [3, 6, 9, 10]
    healthy, _ = traced([0, 1])
    assert first.losses == pytest.approx(healthy.losses, rel=1e-3) and first.kept is not None


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("out of memory"), RuntimeError("CUDA error: out of memory")],
    ids=["allocator", "recording"],
)
def test_memory_that_runs_out_halves_the_stack_and_changes_no_digit(
    error: Exception, start: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def weights(root: str) -> dict[str, Tensor]:
        run = start({"training": {"trainer": "stack"}}, root)
        execute(run["level-00/dense/train"], run.context)
        return unpack(run.ledger.read(run["level-00/dense/train"], "weights.safetensors"))

    whole, sizes, begun = weights("whole"), [], stack.group

    def full(network: nn.Module, states: list[State], *more: Any) -> Any:
        sizes.append(len(states))
        if len(states) > 2:
            raise error
        return begun(network, states, *more)

    monkeypatch.setattr(stack, "group", full)
    halved = weights("halved")
    assert sizes == [5, 3, 2, 1, 2]
    assert all(torch.equal(whole[key], halved[key]) for key in whole)
    assert "half of them" in capsys.readouterr().err


def test_a_stack_begins_as_large_as_memory_is_likely_to_hold(
    start: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = build((1, 8, 8), 10, (20, 10))
    training = Training(steps=1, batch_size=32, learning_rate=0.1)
    each = 4 * (6 * (64 * 20 + 20 + 200 + 10 + 100 + 10) + 2 * 32 * (64 + 20 + 20 + 10 + 10 + 10 + 10))
    monkeypatch.setattr(stack, "_free", lambda device: int(2.5 * each / stack.SHARE))
    batch = torch.zeros(2, 1, 8, 8), torch.zeros(2, dtype=torch.int64)
    assert stack.most(network, training, classification.loss, batch) == 2
    sizes: list[int] = []
    monkeypatch.setattr(train, "halving", lambda part, work: sizes.append(len(part)) or work(part))
    run = start({"training": {"trainer": "stack"}})
    execute(run["level-00/dense/train"], run.context)
    assert sizes == [2, 2, 1]


def test_what_a_stack_took_is_free_before_half_of_it_begins() -> None:
    """On a GPU the half, and a single one, found no memory either: the whole was still there."""
    there: list[weakref.ref[object]] = []

    def work(members: Sequence[int]) -> list[int]:
        assert all(old() is None for old in there)
        problems = [problem(Tied(), seed) for seed in members]
        stacked = begin("stack", Tied(), [each[0] for each in problems], [each[1] for each in problems], ADAM)
        there.append(weakref.ref(stacked))
        if len(members) > 1:
            raise torch.OutOfMemoryError("out of memory")
        return list(members)

    assert memory.halving([0, 1, 2], work) == [0, 1, 2]
    assert len(there) == 5


def test_one_replicate_that_does_not_fit_says_what_to_do() -> None:
    def work(members: object) -> list[int]:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory")

    with pytest.raises(Retryable, match="batch_size"):
        memory.halving([0, 1], work)


def test_another_error_is_not_taken_for_a_lack_of_memory() -> None:
    def work(members: object) -> list[int]:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        memory.halving([0, 1], work)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_a_gpu_that_is_not_here_is_a_usage_error(start: Callable[..., Run]) -> None:
    run = start({"training": {"device": "cuda"}})
    with pytest.raises(UsageError, match="no GPU is here"):
        planner.prepare(run.context, None)


def test_on_a_gpu_all_replicates_are_one_stack_unless_they_convolve() -> None:
    training = Training(steps=1, batch_size=8, learning_rate=0.1, device="cuda")
    assert planner.choose(training, build((1, 8, 8), 10, (20,)), SUBJECT, 0.1).trainer == "stack"
    assert planner.choose(training, convolutional(), SUBJECT, 0.1).trainer == "eager"
    assert planner.choose(training, dropping(), SUBJECT, 1.0) == planner.Choice(
        "eager", "Dropout draws its numbers for all replicates at once"
    )
    assert all("cpu" in trainer(name).DEVICES for name in TRAINERS)
