"""The method, held to the defects found in other tools (each test names the one it guards against)."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from ticketsmith.lottery.results import Density, TrainMetrics, Verdict
from ticketsmith.lottery.spec import Training
from ticketsmith_runner.loop import Trace, train
from ticketsmith_runner.network import prunable, state
from ticketsmith_runner.tensors import unpack
from ticketsmith_runner.trainers import Batches
from ticketsmith_runner.trainers.eager import Eager

from .conftest import Run

LEVELS = ["level-01", "level-02"]
ARMS = ["ticket", "reinit", "random"]


def tensors(run: Run, key: str, name: str) -> dict[str, torch.Tensor]:
    return unpack(run.ledger.read(run[key], name))


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("level", LEVELS)
def test_exactly_the_masked_weights_are_zero_after_training(finished: Run, level: str, arm: str) -> None:
    mask = tensors(finished, f"{level}/{'random' if arm == 'random' else 'ticket'}/prune", "mask.safetensors")
    after = tensors(finished, f"{level}/{arm}/train", "weights.safetensors")
    assert all(torch.equal(after[name] != 0, alive) for name, alive in mask.items())


def test_every_weight_that_is_not_masked_moves_negative_ones_too() -> None:
    """rahulvigneswaran #5 and #31: `tensor < EPS` froze every negative weight."""
    torch.manual_seed(0)
    training = Training(steps=3, batch_size=8, learning_rate=0.1)
    network = nn.Linear(6, 3)  # one layer: no dead unit, every weight has a gradient
    mask = {"weight": torch.rand(3, 6) < 0.5}
    state = {f"weights/{name}": value.clone() for name, value in network.state_dict().items()}
    state["weights/weight"] = torch.where(mask["weight"], state["weights/weight"], 0.0)
    inputs, labels = torch.randn(8, 6), torch.randint(0, 3, (8,))
    trace = train(
        Eager(network, state, mask, training), training, span=range(3), keep=None,
        batches=Batches((inputs, labels), lambda u: torch.arange(8)), look=lambda n: (0.0, 0.0),
    )  # fmt: skip
    assert (state["weights/weight"] < 0).any()
    assert torch.equal(trace.final["weights/weight"] != state["weights/weight"], mask["weight"])
    assert (trace.final["weights/bias"] != state["weights/bias"]).all()


def test_only_weights_of_linear_and_convolution_layers_are_pruned(finished: Run) -> None:
    """rahulvigneswaran: biases and batch norms were pruned with the rest."""
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))
    assert prunable(network) == {"0.weight": 18, "3.weight": 24}
    masked = tensors(finished, "level-02/ticket/prune", "mask.safetensors")
    assert sorted(masked) == ["1.weight", "3.weight", "5.weight"]


def test_nothing_is_selected_by_the_test_split(finished: Run) -> None:
    """rahulvigneswaran: the best *test* accuracy was reported. Here the early stop follows from validation alone."""
    metrics = TrainMetrics.model_validate_json(finished.ledger.read(finished["level-00/dense/train"], "metrics.json"))
    for losses, chosen in zip(metrics.validation_loss, metrics.early_stop_step, strict=True):
        assert metrics.looks[losses.index(min(loss for loss in losses if loss is not None))] == chosen


@pytest.mark.parametrize("replicate", range(10))
def test_train_validation_and_test_are_disjoint_and_whole(finished: Run, replicate: int) -> None:
    parts = finished.context.split(replicate)
    everything = torch.cat([torch.from_numpy(part) for part in (parts.train, parts.validation, parts.test)])
    assert sorted(everything.tolist()) == list(range(1797))


def test_five_replicates_test_every_image_once(finished: Run) -> None:
    folds = [finished.context.split(replicate).test for replicate in range(5)]
    assert sorted(i for fold in folds for i in fold.tolist()) == list(range(1797))
    assert [len(fold) for fold in folds] == [360, 360, 359, 359, 359]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("run", ["finished", "rewound"])
def test_the_ticket_starts_bit_equal_to_mask_times_theta_k(
    level: str, run: str, request: pytest.FixtureRequest
) -> None:
    """Lightning #13643: for three years its tickets were never reset."""
    toy: Run = request.getfixturevalue(run)
    kept = tensors(toy, "level-00/dense/train", "kept.safetensors")
    start = tensors(toy, f"{level}/ticket/rewind", "start.safetensors")
    mask = tensors(toy, f"{level}/ticket/prune", "mask.safetensors")
    assert start.keys() == kept.keys()
    for name, value in start.items():
        alive = mask.get(name.split("/")[-1], torch.tensor(True)) if value.ndim > 1 else torch.tensor(True)
        assert torch.equal(value, torch.where(alive, kept[name], torch.zeros_like(kept[name])))


def test_theta_0_is_what_the_init_stream_draws(finished: Run) -> None:
    kept = tensors(finished, "level-00/dense/train", "kept.safetensors")
    for r in range(5):
        drawn = state(finished.context.network("init", r))
        assert all(torch.equal(kept[f"weights/{name}"][r], value) for name, value in drawn.items())


@pytest.mark.parametrize("level", [1, 2])
def test_the_reinit_control_is_drawn_from_its_own_named_stream(finished: Run, level: int) -> None:
    """open_lth: its re-initialisation was not seeded."""
    start = tensors(finished, f"level-0{level}/reinit/rewind", "start.safetensors")
    mask = tensors(finished, f"level-0{level}/ticket/prune", "mask.safetensors")
    for r in range(5):
        drawn = state(finished.context.network(f"reinit/{level}", r))
        assert all(torch.equal(start[f"weights/{name}"][r], drawn[name] * alive[r]) for name, alive in mask.items())


@pytest.mark.parametrize(("k", "alike"), [(0, False), (9, True)])
def test_fine_tuning_and_lr_rewinding_go_on_from_the_trained_survivors(
    k: int, alike: bool, start: Callable[..., Run]
) -> None:
    """Renda et al., arXiv 2003.02389. Where k lies in the schedule's last step they are one training."""
    training = {"schedule": "step", "steps": 12}
    run = start({"controls": ["lr-rewind", "finetune"], "training": training, "pruning": {"rewind_to": k}})
    run.go()
    for level, before in ((1, "level-00/dense"), (2, "level-01/ticket")):
        mask = tensors(run, f"level-0{level}/ticket/prune", "mask.safetensors")
        trained = tensors(run, f"{before}/train", "weights.safetensors")
        ended = []
        for arm in ("lr-rewind", "finetune"):
            begun = tensors(run, f"level-0{level}/{arm}/rewind", "start.safetensors")
            assert not [name for name in begun if name.startswith("optimizer/")]
            for name, value in trained.items():
                assert torch.equal(begun[f"weights/{name}"], value * mask.get(name, torch.tensor(1)))
            ended.append(run.ledger.read(run[f"level-0{level}/{arm}/train"], "weights.safetensors"))
        assert (ended[0] == ended[1]) is alike


def test_the_random_control_has_the_tickets_counts_layer_by_layer(finished: Run) -> None:
    """open_lth: its `even` strategy cannot run."""
    for level in LEVELS:
        ticket = tensors(finished, f"{level}/ticket/prune", "mask.safetensors")
        random = tensors(finished, f"{level}/random/prune", "mask.safetensors")
        for name, mask in ticket.items():
            assert torch.equal(mask.flatten(1).sum(1), random[name].flatten(1).sum(1))
            assert not torch.equal(mask, random[name])


def test_masks_are_nested(finished: Run) -> None:
    first, second = (tensors(finished, f"{level}/ticket/prune", "mask.safetensors") for level in LEVELS)
    assert not any((second[name] & ~first[name]).any() for name in first)


def test_reported_sparsity_is_counted_from_the_mask_and_lands_on_the_target(finished: Run) -> None:
    """Lightning #13595, NNCF PR#1597: sparsity counted twice, or from zeros in the weights."""
    mask = tensors(finished, "level-02/ticket/prune", "mask.safetensors")
    weights = sum(alive[0].numel() for alive in mask.values())
    survivors = {int(sum(alive[r].sum() for alive in mask.values())) for r in range(5)}
    assert survivors == {round(weights * 0.5)}
    density = Density.model_validate_json(finished.ledger.read(finished["level-02/ticket/prune"], "density.json"))
    verdict = Verdict.model_validate_json(finished.ledger.read(finished["level-02/ticket/gate"], "verdict.json"))
    assert density.sparsity == verdict.sparsity == 1 - survivors.pop() / weights


def test_a_rewound_training_is_the_uninterrupted_one_when_nothing_is_pruned() -> None:
    """TurboPrune, Distiller PR#76: optimizer memory, schedule and data order were lost when going back to step k."""
    torch.manual_seed(0)
    inputs, labels = torch.randn(64, 6), torch.randint(0, 3, (64,))
    for options in (
        {"optimizer": "sgd", "schedule": "cosine", "nesterov": True, "clip": 0.5},
        {"optimizer": "adam", "schedule": "cosine", "weight_decay": 0.1},
        {"optimizer": "adamw", "schedule": "milestones", "milestones": (3, 7), "warmup": 6, "weight_decay": 0.1},
    ):
        training = Training(steps=9, batch_size=8, learning_rate=0.05, momentum=0.9, **options)
        network = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
        start = {f"weights/{name}": value.clone() for name, value in network.state_dict().items()}
        batches = Batches((inputs, labels), lambda u: torch.arange(64)[u::9][:7])
        common = {"batches": batches, "look": lambda n: (1.0, 1.0)}
        whole = train(Eager(network, start, {}, training), training, span=range(9), keep=4, **common)
        assert whole.kept is not None
        rest = train(Eager(network, whole.kept, {}, training), training, span=range(4, 9), keep=None, **common)
        assert all(torch.equal(rest.final[name], value) for name, value in whole.final.items())


def test_the_optimizers_memory_of_a_pruned_weight_is_pruned_with_it(rewound: Run) -> None:
    start = tensors(rewound, "level-01/ticket/rewind", "start.safetensors")
    mask = tensors(rewound, "level-01/ticket/prune", "mask.safetensors")
    memory = start["optimizer/momentum_buffer/1.weight"]
    assert not memory[~mask["1.weight"]].any()
    assert memory[mask["1.weight"]].any()


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_masked_weight_stays_zero_under_momentum(optimizer: str) -> None:
    training = Training(steps=6, batch_size=4, optimizer=optimizer, learning_rate=0.1, momentum=0.9)
    network = nn.Linear(4, 2)
    mask = {"weight": torch.tensor([[True, False, True, True], [False, True, True, False]])}
    state = Eager(
        network, {f"weights/{name}": value for name, value in network.state_dict().items()}, {}, training
    ).weights()
    state["weights/weight"] = torch.where(mask["weight"], state["weights/weight"], 0.0)
    inputs, labels = torch.randn(4, 4), torch.tensor([0, 1, 1, 0])
    trace = train(
        Eager(network, state, mask, training), training, span=range(6), keep=None,
        batches=Batches((inputs, labels), lambda u: torch.arange(4)), look=lambda n: (0.0, 0.0),
    )  # fmt: skip
    assert torch.equal(trace.final["weights/weight"] != 0, mask["weight"])


def looked(*looks: tuple[float, float]) -> Trace:
    """A training with such looks, after three updates each."""
    training, network = Training(steps=9, batch_size=4, learning_rate=0.1, evaluate_every=3), nn.Linear(4, 2)
    start, seen = {f"weights/{name}": value for name, value in state(network).items()}, iter(looks)
    return train(
        Eager(network, start, {}, training), training, span=range(9), keep=None,
        batches=Batches((torch.randn(4, 4), torch.tensor([0, 1, 1, 0])), lambda u: torch.arange(4)),
        look=lambda n: next(seen),
    )  # fmt: skip


def test_a_score_that_is_no_number_ends_no_training() -> None:
    """A share of nothing, such as the overlap of two empty masks, may be NaN while the loss is fine."""
    trace = looked((0.5, 1.0), (0.4, float("nan")), (0.3, float("inf")))
    assert (trace.diverged_at, trace.losses, trace.scores) == (None, [0.5, 0.4, 0.3], [1.0, None, None])


def test_a_diverged_training_is_seen_kept_finite_and_reported() -> None:
    trace = looked((0.5, 1.0), (float("nan"), 1.0))
    assert (trace.diverged_at, trace.looks, trace.losses, trace.early_stop_step) == (6, [3, 6], [0.5, None], 3)
    assert all(torch.equal(trace.final[name], trace.early[name]) for name in trace.final)


def test_reloaded_weights_give_the_recorded_predictions(finished: Run) -> None:
    """NNI PR#2559: the model that was exported was not the ticket."""
    step = finished["level-02/ticket/train"]
    weights, records = (unpack(finished.ledger.read(step, f"{name}.safetensors")) for name in ("weights", "records"))
    metrics = TrainMetrics.model_validate_json(finished.ledger.read(step, "metrics.json"))
    network = finished.context.network()
    for r in range(5):
        network.load_state_dict({name: value[r] for name, value in weights.items()})
        network.eval()
        tested = records["role"][r] == 2
        example = records["example"][r][tested].long()
        with torch.inference_mode():
            prediction = network(finished.context.examples.tensors[0][example]).argmax(1)
        assert torch.equal(prediction, records["prediction"][r][tested].long())
        right = (prediction == finished.context.examples.tensors[1][example]).double().mean()
        assert float(right) == metrics.test_score[r]


def test_a_control_is_compared_with_the_ticket_of_its_level_replicate_by_replicate(finished: Run) -> None:
    for level in LEVELS:
        ticket, *controls = (
            Verdict.model_validate_json(finished.ledger.read(finished[f"{level}/{arm}/gate"], "verdict.json"))
            for arm in ARMS
        )
        assert ticket.dividend is None
        for control in controls:
            lead, pairs = control.dividend, zip(ticket.test_score, control.test_score, strict=True)
            assert lead is not None and lead.low is not None and lead.high is not None
            assert lead.mean == pytest.approx(sum(t - c for t, c in pairs) / 5, abs=1e-12)
            assert lead.low < lead.mean < lead.high
