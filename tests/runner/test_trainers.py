"""Every trainer trains the same network: the same first update, nothing where the mask has nothing, the same record."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ticketsmith.errors import UsageError
from ticketsmith.lottery.choices import TRAINERS
from ticketsmith.lottery.spec import Training
from ticketsmith.specs import merge, read_spec
from ticketsmith_runner import planner
from ticketsmith_runner.execute import execute
from ticketsmith_runner.network import prunable
from ticketsmith_runner.tasks import Task
from ticketsmith_runner.tensors import unpack
from ticketsmith_runner.trainers import Batches, Mask, State, Trainer, trainer
from ticketsmith_runner.trainers.csr_mlp import CsrMlp
from ticketsmith_runner.workers import workers

from .conftest import CODE, TINY, Run
from .nets import build

OPTIMIZERS = [("sgd", 0.0), ("sgd", 0.9), ("adam", 0.0)]


def problem(density: float, seed: int = 0) -> tuple[State, Mask, Batches]:
    """A small chain under a random mask, and learnable data: the label is the largest of the first four inputs."""
    draws = torch.Generator().manual_seed(seed)
    network = build((1, 5, 4), 4, (70, 9))
    start = {name: torch.randn(value.shape, generator=draws) * 0.3 for name, value in network.state_dict().items()}
    mask = {
        name: torch.rand(value.shape, generator=draws) < density for name, value in start.items() if "weight" in name
    }
    state = {f"weights/{name}": value * mask.get(name, torch.tensor(1)) for name, value in start.items()}
    inputs = torch.randn(600, 1, 5, 4, generator=draws)
    orders = torch.randint(0, 600, (400, 70), generator=draws)  # 70: a full stretch of lanes and a short one
    return state, mask, Batches((inputs, inputs.flatten(1)[:, :4].argmax(1)), lambda update: orders[update])


def begun(name: str, training: Training, state: State, mask: Mask) -> Trainer:
    return trainer(name).start(build((1, 5, 4), 4, (70, 9)), state, mask, training)


def apart(ours: State, theirs: State) -> float:
    assert ours.keys() == theirs.keys()
    return max(float((ours[name] - theirs[name]).abs().max()) for name in ours)


@pytest.mark.parametrize(("optimizer", "momentum"), OPTIMIZERS)
@pytest.mark.parametrize("density", [1.0, 0.3, 0.05])
@pytest.mark.parametrize("name", TRAINERS)
def test_the_first_update_is_that_of_eager(name: str, density: float, optimizer: str, momentum: float) -> None:
    """Weights and the optimizer's memory; from warm memory, as Adam's first step is the sign of a gradient."""
    state, mask, batches = problem(density)
    training = Training(steps=400, batch_size=70, optimizer=optimizer, momentum=momentum, learning_rate=1e-2)
    reference = begun("eager", training, state, mask)
    reference.advance(range(3), batches)
    ours, theirs = (begun(each, training, reference.capture(), mask) for each in (name, "eager"))
    for each in (ours, theirs):
        each.advance(range(3, 4), batches)
    assert apart(ours.capture(), theirs.capture()) < 1e-6
    with torch.no_grad():
        assert float((ours.model(batches.examples[0]) - theirs.model(batches.examples[0])).abs().max().detach()) < 1e-5


@pytest.mark.parametrize("density", [0.4, 0.05])
def test_rows_that_are_cut_to_fit_the_cache_sum_to_the_same(density: float) -> None:
    draws = torch.Generator().manual_seed(0)
    shape, hidden = (1, 20, 31), (40, 9)
    start = {
        name: torch.randn(v.shape, generator=draws) * 0.1 for name, v in build(shape, 4, hidden).state_dict().items()
    }
    mask = {name: torch.rand(v.shape, generator=draws) < density for name, v in start.items() if "weight" in name}
    state = {f"weights/{name}": value * mask.get(name, torch.tensor(1)) for name, value in start.items()}
    inputs, labels = torch.randn(70, *shape, generator=draws), torch.randint(0, 4, (70,), generator=draws)
    batches = Batches((inputs, labels), lambda update: torch.arange(70))
    training = Training(steps=400, batch_size=70, optimizer="sgd", momentum=0.9, learning_rate=1e-2)
    ours, theirs = (
        trainer(each).start(build(shape, 4, hidden), state, mask, training) for each in ("csr-mlp", "eager")
    )
    assert isinstance(ours, CsrMlp) and len(ours.layout.targets) > 2 * sum(len(m) for m in ours.layout.alive.values())
    assert apart(ours.weights(), state) == 0  # what is packed is unpacked
    for each in (ours, theirs):
        each.advance(range(2), batches)
    assert apart(ours.capture(), theirs.capture()) < 1e-6


@pytest.mark.parametrize("read", [[], [0], [2], [0, 1, 2, 6]])
@pytest.mark.parametrize("inputs", [7, 16, 33])
def test_inputs_are_moved_by_sixteens_however_few_there_are_and_whichever_are_read(
    inputs: int, read: list[int]
) -> None:
    draws = torch.Generator().manual_seed(0)
    network = build((1, 1, inputs), 3, (5,))
    start = {name: torch.randn(v.shape, generator=draws) for name, v in network.state_dict().items()}
    mask = {name: torch.ones_like(v, dtype=torch.bool) for name, v in start.items() if "weight" in name}
    first = next(iter(mask.values()))
    first[:] = False
    first[:, [inputs - 1 - each for each in read]] = True  # from the end, where the last window overlaps another
    state = {f"weights/{name}": value * mask.get(name, torch.tensor(1)) for name, value in start.items()}
    images, labels = torch.randn(70, 1, 1, inputs, generator=draws), torch.randint(0, 3, (70,), generator=draws)
    training = Training(steps=400, batch_size=70, optimizer="sgd", learning_rate=1e-2)
    ours, theirs = (
        trainer(each).start(build((1, 1, inputs), 3, (5,)), state, mask, training) for each in ("csr-mlp", "eager")
    )
    for each in (ours, theirs):
        each.advance(range(2), Batches((images, labels), lambda update: torch.arange(70)))
    assert apart(ours.capture(), theirs.capture()) < 1e-6
    assert float((ours.model(images) - theirs.model(images)).abs().max().detach()) < 1e-5


def test_what_is_compiled_now_and_what_is_found_compiled_leave_the_same_bytes(tmp_path: Path) -> None:
    """numba links two copies of a function, optimized twice and once: with fast-math they fused other products."""
    argv = [sys.executable, "-c", "from tests.runner.test_trainers import digest; print(digest())"]
    variables = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    said = [subprocess.run(argv, env=variables, check=True, capture_output=True, text=True).stdout for _ in "12"]
    assert list(tmp_path.rglob("*.nbc")) and said[0] == said[1]


def digest() -> str:
    """The digest of a state after some updates by the sparse trainer, with either optimizer."""
    whole = sha256()
    for optimizer in ("sgd", "adam"):
        state, mask, batches = problem(0.4)
        training = Training(steps=400, batch_size=70, optimizer=optimizer, momentum=0.9, learning_rate=1e-2)
        trained = begun("csr-mlp", training, state, mask)
        trained.advance(range(50), batches)
        for value in trained.capture().values():
            whole.update(value.numpy().tobytes())
    return whole.hexdigest()


def test_networks_under_one_mask_share_their_layout_and_no_others() -> None:
    state, mask, _ = problem(0.3)
    alike = {name: kept.clone() for name, kept in mask.items()}
    other = alike | {"1.weight": ~mask["1.weight"]}

    training = Training(steps=400, batch_size=70, optimizer="sgd", learning_rate=1e-2)
    first, again, third = (CsrMlp(build((1, 5, 4), 4, (70, 9)), state, each, training) for each in (mask, alike, other))
    assert first.layout is again.layout
    assert third.layout.alive["1"].tolist() == other["1.weight"].tolist()


@pytest.mark.parametrize("name", TRAINERS)
def test_a_whole_training_ends_as_well_as_that_of_eager(name: str) -> None:
    found = {}
    for each in (name, "eager"):
        right = []
        for seed in range(5):
            state, mask, batches = problem(0.4, seed)
            ours = begun(each, Training(steps=400, batch_size=70, optimizer="adam", learning_rate=3e-3), state, mask)
            ours.advance(range(400), batches)
            right += (ours.model(batches.examples[0]).argmax(1) == batches.examples[1]).tolist()
        found[each] = sum(right) / len(right)
    assert found["eager"] > 0.95
    assert found[name] == pytest.approx(found["eager"], abs=0.0015)


@pytest.mark.parametrize(("optimizer", "momentum"), OPTIMIZERS)
@pytest.mark.parametrize("name", TRAINERS)
def test_masked_weights_and_their_memory_are_exactly_zero(name: str, optimizer: str, momentum: float) -> None:
    state, mask, batches = problem(0.3)
    training = Training(steps=400, batch_size=70, optimizer=optimizer, momentum=momentum, learning_rate=1e-2)
    ours = begun(name, training, state, mask)
    ours.advance(range(20), batches)
    after = ours.capture()
    for layer, alive in mask.items():
        everything = [value for key, value in after.items() if key.endswith(layer) and value.shape == alive.shape]
        assert len(everything) == 1 + {"adam": 2, "sgd": int(momentum > 0)}[optimizer]
        assert all(not value[~alive].any() for value in everything)


@pytest.mark.parametrize("name", TRAINERS)
def test_a_training_in_stretches_or_from_its_own_state_has_the_same_bytes(name: str) -> None:
    state, mask, batches = problem(0.3)
    training = Training(steps=400, batch_size=70, optimizer="adam", learning_rate=1e-2, schedule="cosine")
    whole, pieces = begun(name, training, state, mask), begun(name, training, state, mask)
    whole.advance(range(12), batches)
    pieces.advance(range(5), batches)
    again = begun(name, training, pieces.capture(), mask)
    again.advance(range(5, 12), batches)
    assert apart(whole.capture(), again.capture()) == 0


@pytest.mark.parametrize("name", TRAINERS)
def test_an_empty_layer_empty_rows_and_a_single_weight_train(name: str) -> None:
    """A fully pruned layer leaves a constant; its biases still learn."""
    state, _, batches = problem(1.0)
    mask = {"1.weight": torch.zeros(70, 20, dtype=torch.bool), "3.weight": torch.zeros(9, 70, dtype=torch.bool)}
    mask["3.weight"][4, 2] = True
    state = {key: value * mask.get(key.removeprefix("weights/"), torch.tensor(1)) for key, value in state.items()}
    training = Training(steps=9, batch_size=70, learning_rate=0.1)
    ours, theirs = (begun(each, training, state, mask) for each in (name, "eager"))
    for each in (ours, theirs):
        each.advance(range(9), batches)
    assert apart(ours.capture(), theirs.capture()) < 1e-6
    with torch.no_grad():
        assert float((ours.model(batches.examples[0]) - theirs.model(batches.examples[0])).abs().max().detach()) < 1e-5


@pytest.mark.parametrize("name", TRAINERS)
def test_divergence_is_not_hidden(name: str) -> None:
    """A comparison with NaN that picks the other side would turn it into a number."""
    state, mask, batches = problem(0.3)
    ours = begun(name, Training(steps=400, batch_size=70, learning_rate=1e30), state, mask)
    ours.advance(range(4), batches)
    assert not ours.model(batches.examples[0]).isfinite().all()


@pytest.mark.parametrize("network", [
    nn.Sequential(nn.Linear(4, 3), nn.Sigmoid(), nn.Linear(3, 2)),
    nn.Sequential(nn.Linear(4, 3), nn.ReLU()),
    nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)),
    nn.Sequential(nn.Linear(4, 3, bias=False), nn.ReLU(), nn.Linear(3, 2)),
    nn.Sequential(nn.Flatten(), nn.BatchNorm1d(4), nn.Linear(4, 2)),
    nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)),
    nn.Linear(4, 2),
], ids=str)  # fmt: skip
def test_what_is_no_chain_is_left_to_eager(network: nn.Module) -> None:
    assert trainer("eager").refuses(network) is None
    assert all(trainer(name).refuses(network) for name in ("csr-mlp", "dense-mlp"))


def test_one_layer_used_twice_is_no_chain() -> None:
    """Tied weights."""
    twice = nn.Linear(4, 4)
    assert trainer("csr-mlp").refuses(nn.Sequential(twice, nn.ReLU(), twice))


def test_dense_levels_get_dense_kernels_and_sparse_ones_the_sparse_step() -> None:
    network, training = build((784,), 10, (300, 100)), Training(steps=1, batch_size=60, learning_rate=0.1)
    subject = planner.Subject(Task(CODE, "ticketsmith_tasks.digits_mlp"), weights=266200, resident=True, draws=False)
    densities = planner._densities(read_spec(None, {"pruning": {"sparsity": 0.8}}), prunable(network))
    choices = {level: planner.choose(training, network, subject, left) for level, left in densities.items()}
    assert [choices[level].trainer for level in (0, 1, 2, 8)] == ["dense-mlp", "dense-mlp", "csr-mlp", "csr-mlp"]
    assert "64.1% of its weights left" in choices[2].reason


def test_small_networks_get_the_sparse_step_at_every_level(start: Callable[..., Run]) -> None:
    run = start({"pruning": {"sparsity": 0.8}, "options": {"hidden": [300, 100]}})
    choices = list(planner.plan(run.context).values())
    assert {choice.trainer for choice in choices} == {"csr-mlp"} and "50,200 weights" in choices[0].reason


def test_bfloat16_is_an_option_of_eager_and_stack_alone(start: Callable[..., Run]) -> None:
    run = start({"training": {"precision": "bfloat16"}})
    assert set(planner.settled(run.context).values()) == {"eager"}
    for name in TRAINERS:
        forced = read_spec(None, merge(TINY, {"training": {"precision": "bfloat16", "trainer": name}}))
        context = replace(run.context, spec=forced)
        if name in ("eager", "stack"):
            assert planner.plan(context)[0].trainer == name
        else:
            with pytest.raises(UsageError, match="does not know bfloat16"):
                planner.plan(context)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_convolution_with_batch_norm_trains_under_a_mask(precision: str) -> None:
    """Buffers are part of the state, masks stay exact, and the two precisions are not the same arithmetic."""
    torch.manual_seed(0)
    layers = (nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(48, 4))
    network = nn.Sequential(*layers)
    _, _, batches = problem(1.0)
    mask = {"0.weight": torch.rand(8, 1, 3, 3) < 0.5, "4.weight": torch.rand(4, 48) < 0.5}
    state = {f"weights/{key}": value * mask.get(key, torch.tensor(1)) for key, value in network.state_dict().items()}
    training = Training(steps=200, batch_size=70, optimizer="adam", learning_rate=1e-2, precision=precision)
    ours = trainer("eager").start(network, state, mask, training)
    ours.advance(range(200), batches)
    after = ours.weights()
    assert all(torch.equal(after[f"weights/{name}"] != 0, alive) for name, alive in mask.items())
    assert after["weights/1.running_mean"].any()
    logits = ours.model(batches.examples[0])
    assert (logits.argmax(1) == batches.examples[1]).float().mean() > 0.8
    assert logits.dtype == torch.float32


def test_a_trainer_that_is_asked_for_trains_every_level(start: Callable[..., Run]) -> None:
    run = start({"training": {"trainer": "eager"}})
    assert set(planner.settled(run.context).values()) == {"eager"}


def test_the_choice_is_settled_once(start: Callable[..., Run]) -> None:
    """A later version of the rule, or a veto on another machine, does not mix trainers within a run."""
    run = start()
    first = planner.settled(run.context)
    other = replace(run.context, spec=read_spec(None, merge(TINY, {"training": {"trainer": "eager"}})))
    assert planner.settled(other) == first
    assert json.loads(run.ledger.store.get(f"{run.ledger.run_id}/trainers.json"))["0"]["trainer"] == first[0]


def test_a_trainer_that_differs_from_eager_is_vetoed_and_the_record_says_so() -> None:
    def probe(name: str) -> float:
        if name == "stack":
            raise RuntimeError("vmap: no rule for this\nand more")
        return {"csr-mlp": 0.03, "dense-mlp": 1e-9}[name]

    chosen = {level: planner.Choice(name, "the rule") for level, name in enumerate(TRAINERS)}
    kept = planner.vetted(chosen, probe)
    assert [choice.trainer for choice in kept.values()] == ["eager", "dense-mlp", "eager", "eager"]
    assert kept[0].reason == "csr-mlp differs from it by 3e-02 on this machine"
    assert kept[3].reason == "stack fails on this machine: vmap: no rule for this"


@pytest.mark.parametrize("options", [
    {},
    {"optimizer": "sgd", "momentum": 0.9, "nesterov": True, "clip": 0.1},
    {"optimizer": "adamw", "weight_decay": 0.1},
], ids=["plain", "nesterov", "adamw"])  # fmt: skip
@pytest.mark.parametrize("name", TRAINERS)
def test_no_trainer_is_vetoed_here(start: Callable[..., Run], name: str, options: dict[str, Any]) -> None:
    run = start({"training": options})
    assert planner.difference(name, run.context) < planner.TOLERANCE


def test_a_trainer_that_cannot_train_the_network_is_a_usage_error(start: Callable[..., Run]) -> None:
    run = start({"training": {"trainer": "csr-mlp"}})
    with pytest.raises(UsageError, match="csr-mlp cannot train this network"):
        planner.choose(run.spec.training, nn.Linear(2, 2), planner.Subject.of(run.context), 1.0)


@pytest.mark.parametrize("name", TRAINERS)
def test_a_replicate_does_not_depend_on_its_cohort_or_on_the_number_of_workers(
    start: Callable[..., Run], name: str
) -> None:
    def weights(root: str, count: int, more: dict[str, Any]) -> dict[str, torch.Tensor]:
        run = start({"training": {"trainer": name}, **more}, root)
        with workers(count) as pool:
            run.context = replace(run.context, workers=pool)
            for key in (
                "level-00/dense/train",
                "level-01/ticket/prune",
                "level-01/ticket/rewind",
                "level-01/ticket/train",
            ):
                execute(run[key], run.context)
        return unpack(run.ledger.read(run["level-01/ticket/train"], "weights.safetensors"))

    alone, together, more = weights("a", 1, {}), weights("b", 3, {}), weights("c", 2, {"replicates": 10})
    assert all(torch.equal(alone[key], together[key]) for key in alone)
    assert all(torch.equal(alone[key], more[key][:5]) for key in alone)
