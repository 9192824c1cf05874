"""Every option of an update against torch's own classes, step by step; and nothing of a masked weight ever returns."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_
from torch.optim import lr_scheduler

from ticketsmith.lottery.choices import TRAINERS
from ticketsmith.lottery.schedule import learning_rate
from ticketsmith.lottery.spec import Training
from ticketsmith_runner.optimizer import Optimizer
from ticketsmith_runner.trainers import Batches, begin, trainer, weights
from ticketsmith_runner.workers import single_thread

from .nets import build
from .test_trainers import apart, begun, problem

UPDATES = 20
OPTIONS: dict[str, dict[str, Any]] = {
    "sgd": {},
    "sgd, decay": {"weight_decay": 0.1},
    "momentum": {"momentum": 0.9},
    "momentum, decay": {"momentum": 0.9, "weight_decay": 0.1},
    "nesterov": {"momentum": 0.9, "nesterov": True},
    "nesterov, decay": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    "adam": {"optimizer": "adam"},
    "adam, decay": {"optimizer": "adam", "weight_decay": 0.1},
    "adamw": {"optimizer": "adamw"},
    "adamw, decay": {"optimizer": "adamw", "weight_decay": 0.1},
}
SLOTS = {"sgd": ("momentum_buffer",), "adam": ("exp_avg", "exp_avg_sq"), "adamw": ("exp_avg", "exp_avg_sq")}

every_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
clipped_or_not = pytest.mark.parametrize("clip", [None, 0.1], ids=["whole", "clipped"])


@pytest.fixture(autouse=True)
def as_a_worker() -> None:
    single_thread()


def asked(options: dict[str, Any], **more: Any) -> Training:
    return Training(batch_size=70, **{"steps": 400, "learning_rate": 1e-2, **options, **more})


def torchs(network: nn.Module, training: Training) -> torch.optim.Optimizer:
    common: dict[str, Any] = {"lr": training.learning_rate, "weight_decay": training.weight_decay, "fused": True}
    if training.optimizer == "sgd":
        common |= {"momentum": training.momentum, "nesterov": training.nesterov}
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    return kinds[training.optimizer](network.parameters(), **common)


@every_option
def test_an_update_has_the_bytes_of_torchs_own_optimizer(options: dict[str, Any]) -> None:
    training = asked(options)
    ours, theirs = nn.Linear(40, 20), nn.Linear(40, 20)
    theirs.load_state_dict(ours.state_dict())
    mine, other = Optimizer(dict(ours.named_parameters()), training), torchs(theirs, training)
    for update in range(UPDATES):
        inputs, rate = torch.randn(8, 40), 0.1 / (1 + update)
        for network in (ours, theirs):
            network.zero_grad()
            network(inputs).square().sum().backward()
        mine = Optimizer(dict(ours.named_parameters()), training, mine.memory())  # as a rewound run does
        mine.step(rate)
        other.param_groups[0]["lr"] = rate
        other.step()
        assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


@clipped_or_not
@every_option
@pytest.mark.parametrize("name", ["eager", "stack"])
def test_a_masked_training_has_the_bytes_of_one_written_with_torch(
    name: str, options: dict[str, Any], clip: float | None
) -> None:
    """Weights and memory after each of the first updates; mask first, then clip, then update."""
    state, mask, batches = problem(0.3)
    training = asked(options, clip=clip, warmup=3)
    ours, theirs = begun(name, training, state, mask), build((1, 5, 4), 4, (70, 9))
    theirs.load_state_dict(weights(state))
    other = torchs(theirs, training)
    warm = lr_scheduler.LinearLR(other, start_factor=1 / 4, total_iters=3)
    for update in range(UPDATES):
        ours.advance(range(update, update + 1), batches)
        inputs, labels = batches(update)
        theirs.zero_grad()
        cross_entropy(theirs(inputs), labels).backward()
        for key, parameter in theirs.named_parameters():
            if key in mask and parameter.grad is not None:
                parameter.grad.mul_(mask[key])
        if clip is not None:
            clip_grad_norm_(theirs.parameters(), clip)
        other.param_groups[0]["lr"] = learning_rate(training, update)  # torch's own rounds otherwise
        other.step()
        warm.step()
        after = ours.capture()
        for key, parameter in theirs.named_parameters():
            assert torch.equal(after[f"weights/{key}"], parameter)
            for slot, value in other.state[parameter].items():
                assert value is None or torch.equal(after[f"optimizer/{slot}/{key}"], value)


@clipped_or_not
@every_option
@pytest.mark.parametrize("name", ["csr-mlp", "dense-mlp"])
def test_every_update_of_a_chain_is_that_of_eager(name: str, options: dict[str, Any], clip: float | None) -> None:
    """Each from the state before it; from warm memory, as Adam's first step is the sign of a gradient."""
    state, mask, batches = problem(0.3)
    training = asked(options, clip=clip, warmup=9)
    reference = begun("eager", training, state, mask)
    reference.advance(range(3), batches)
    for update in range(3, UPDATES):
        ours = begun(name, training, reference.capture(), mask)
        for each in (ours, reference):
            each.advance(range(update, update + 1), batches)
        assert apart(ours.capture(), reference.capture()) < 1e-6


@clipped_or_not
@every_option
@pytest.mark.parametrize("name", TRAINERS)
def test_masked_weights_and_their_memory_are_exactly_zero_after_every_update(
    name: str, options: dict[str, Any], clip: float | None
) -> None:
    state, mask, batches = problem(0.3)
    training = asked(options, clip=clip)
    ours = begun(name, training, state, mask)
    slots = [slot for slot in SLOTS[training.optimizer] if slot != "momentum_buffer" or training.momentum]
    for update in range(UPDATES):
        ours.advance(range(update, update + 1), batches)
        after = ours.capture()
        for key, alive in mask.items():
            for kept in (f"weights/{key}", *(f"optimizer/{slot}/{key}" for slot in slots)):
                assert not after[kept][~alive].any()
                assert after[kept][alive].any()


@pytest.mark.parametrize("name", TRAINERS)
def test_a_clipped_gradient_has_the_norm_that_was_asked_for(name: str) -> None:
    """The first update of plain SGD at rate 1 moves every parameter by its gradient."""
    state, mask, batches = problem(0.3)
    ours = begun(name, Training(steps=1, batch_size=70, learning_rate=1.0, clip=1e-3), state, mask)
    ours.advance(range(1), batches)
    moved = [(value - state[key]).double().square().sum() for key, value in ours.weights().items()]
    assert float(torch.stack(moved).sum().sqrt()) == pytest.approx(1e-3, rel=1e-2)


@pytest.mark.parametrize("name", TRAINERS)
def test_a_norm_that_is_never_reached_changes_no_byte(name: str) -> None:
    state, mask, batches = problem(0.3)
    free, bound = (begun(name, asked({}, clip=clip), state, mask) for clip in (None, 1e6))
    for each in (free, bound):
        each.advance(range(UPDATES), batches)
    assert apart(free.capture(), bound.capture()) == 0


@every_option
def test_each_member_of_a_stack_is_clipped_by_its_own_norm(options: dict[str, Any]) -> None:
    problems = [problem(0.3, seed) for seed in (3, 4, 5)]
    states, masks, batches = (list(column) for column in zip(*problems, strict=True))
    states[0] = {key: 30 * value for key, value in states[0].items()}  # a neighbour with a far larger gradient
    training = asked(options, clip=0.1)
    together = begin("stack", build((1, 5, 4), 4, (70, 9)), states, masks, training)
    together.advance(range(UPDATES), batches)
    alone = begun("stack", training, states[1], masks[1])
    alone.advance(range(UPDATES), batches[1])
    assert apart(together.members[1].capture(), alone.capture()) == 0


@pytest.mark.parametrize("name", TRAINERS)
def test_a_gradient_that_is_no_number_is_not_clipped_to_one(name: str) -> None:
    state, mask, _ = problem(0.3)
    spoilt = Batches((torch.full((70, 1, 5, 4), float("nan")), torch.zeros(70, dtype=torch.int64)), _everything)
    ours = begun(name, Training(steps=1, batch_size=70, learning_rate=0.1, clip=1.0), state, mask)
    ours.advance(range(1), spoilt)
    assert not ours.model(torch.zeros(2, 1, 5, 4)).isfinite().all()


def _everything(update: int) -> Tensor:
    return torch.arange(70)


def test_every_trainer_offers_every_option() -> None:
    chain = build((1, 5, 4), 4, (70, 9))
    assert all(trainer(name).refuses(chain) is None for name in TRAINERS)


# --- rates ------------------------------------------------------------------------------------------------------------

Made = Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler]
WARM = 9


def warm(optimizer: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
    return lr_scheduler.LinearLR(optimizer, start_factor=1 / (WARM + 1), total_iters=WARM)


def falling(*marks: int) -> Made:
    return lambda optimizer: lr_scheduler.MultiStepLR(optimizer, list(marks), gamma=0.1)


def both(second: Made) -> Made:
    return lambda optimizer: lr_scheduler.ChainedScheduler([warm(optimizer), second(optimizer)])


def cosine_after_warmup(optimizer: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
    cosine = lr_scheduler.CosineAnnealingLR(optimizer, T_max=100 - WARM)
    return lr_scheduler.SequentialLR(optimizer, [warm(optimizer), cosine], milestones=[WARM])


MARKED = {"schedule": "milestones", "milestones": (5, 60, 90)}
SCHEDULES: dict[str, tuple[dict[str, Any], Made]] = {
    "cosine": ({"schedule": "cosine"}, lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, T_max=100)),
    "step": ({"schedule": "step"}, falling(50, 75)),
    "milestones": (MARKED, falling(5, 60, 90)),
    "warm-up": ({"warmup": WARM}, warm),
    "warm-up, cosine": ({"schedule": "cosine", "warmup": WARM}, cosine_after_warmup),
    "warm-up, step": ({"schedule": "step", "warmup": WARM}, both(falling(50, 75))),
    "warm-up, milestones": ({**MARKED, "warmup": WARM}, both(falling(5, 60, 90))),
}


@pytest.mark.parametrize(("options", "make"), SCHEDULES.values(), ids=SCHEDULES)
def test_rates_are_those_of_torchs_schedulers(options: dict[str, Any], make: Made) -> None:
    training = asked({}, steps=100, **options)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=training.learning_rate)
    scheduler = make(optimizer)
    for update in range(100):
        assert learning_rate(training, update) == pytest.approx(scheduler.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        scheduler.step()
