"""Networks of each kind: what they are made of may not matter, or is refused with the reason."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ticketsmith.errors import UsageError
from ticketsmith.lottery.spec import Training
from ticketsmith_runner import trainers
from ticketsmith_runner.network import restore, state
from ticketsmith_runner.order import fed
from ticketsmith_runner.trainers import State

from .own import TASKS, Own

ALIKE = ("batchnorm", "groupnorm", "layernorm", "attention", "frozen", "unused", "tied", "viewed")
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"momentum": 0.9, "weight_decay": 0.01, "nesterov": True},
    "adam": {"optimizer": "adam", "weight_decay": 0.01, "learning_rate": 0.01},
    "adamw": {"optimizer": "adamw", "weight_decay": 0.1, "learning_rate": 0.01, "clip": 0.5},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kinds")


@pytest.fixture(scope="module")
def own(root: Path) -> Any:
    """A run that has not begun, by the kind of its network."""

    @cache
    def begun(kind: str, task: str = "pictures", **training: Any) -> Own:
        options = {"named": kind} if task == "words" else {"kind": kind}
        return Own(TASKS / f"{task}.py", root, {"options": options, "training": training})

    return begun


def masks(run: Own, r: int) -> dict[str, Tensor]:
    network, stream = run.context.network(), torch.Generator().manual_seed(r)
    shapes = {name: value.shape for name, value in network.named_parameters()}
    return {name: torch.rand(shapes[name], generator=stream) < 0.5 for name in run.task.prunable(network)}


def trained(run: Own, trainer: str, updates: int = 4, **training: Any) -> list[State]:
    """The states of two replicates after some updates under masks."""
    options = Training(**{"steps": 4, "batch_size": 8, "learning_rate": 0.05} | training)
    file, states, ones = trainers.trainer(trainer), [], [masks(run, r) for r in (0, 1)]
    for r in (0, 1):
        theta = state(run.context.network("init", r))
        states.append({f"weights/{k}": v * ones[r].get(k, torch.tensor(True)) for k, v in theta.items()})
    batches = [fed(run.context, r, run.context.split(r), options) for r in (0, 1)]
    if hasattr(file, "group"):
        group = trainers.begin(trainer, run.context.network(), states, ones, options, run.task.loss)
        group.advance(range(updates), batches)
        return [member.capture() for member in group.members]
    captured = []
    for begun, mask, batch in zip(states, ones, batches, strict=True):
        alone = file.start(run.context.network(), begun, mask, options, run.task.loss)
        alone.advance(range(updates), batch)
        captured.append(alone.capture())
    return captured


def only(captured: State, kind: str) -> State:
    """State without a layer that no pass uses: of that a stack has a gradient, which is zero, and eager none."""
    return {key: value for key, value in captured.items() if kind != "unused" or "optimizer" not in key}


def apart(ours: State, theirs: State) -> float:
    assert ours.keys() == theirs.keys()
    return max(float((ours[key].double() - theirs[key].double()).abs().max()) for key in ours)


@pytest.mark.parametrize("kind", ALIKE)
def test_a_stack_trains_each_replicate_as_eager_does(own: Any, kind: str) -> None:
    """Buffers too: pytorch/functorch#384, RAI-SCC/torch_blue#61."""
    together, alone = (trained(own(kind), name, momentum=0.9) for name in ("stack", "eager"))
    for ours, theirs in zip(together, alone, strict=True):
        assert apart(only(ours, kind), only(theirs, kind)) < 1e-6


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    ("trainer", "kind"), [("eager", "viewed"), ("eager", "tied"), ("stack", "batchnorm"), ("csr-mlp", "chain"),
                          ("dense-mlp", "chain"), ("stack", "tied"), ("eager", "attention")]
)  # fmt: skip
def test_a_masked_weight_does_not_move(own: Any, trainer: str, kind: str, optimizer: str) -> None:
    """Nor does the optimizer's memory of it: OPTML-Group/Unlearn-Saliency#32."""
    run = own(kind)
    for r, captured in enumerate(trained(run, trainer, **OPTIMIZERS[optimizer])):
        ones = masks(run, r)
        stray = [
            key for key, value in captured.items()
            if (name := key.split("/")[-1]) in ones and value.dim() and bool(value[~ones[name]].any())
        ]  # fmt: skip
        assert not stray


def test_statistics_of_batches_are_rewound_with_the_weights(root: Path) -> None:
    run = Own(TASKS / "pictures.py", root, {"pruning": {"rewind_to": 2}}).go("train", "prune", "rewind")
    kept, start = run.tensors("level-00/dense/train", "kept"), run.tensors("level-01/ticket/rewind", "start")
    statistics = [name for name in kept if "running" in name or "num_batches" in name]
    assert len(statistics) == 3 and all(torch.equal(kept[name], start[name]) for name in statistics)
    mean = kept["weights/1.running_mean"]
    assert mean[0].any() and not torch.equal(mean[0], mean[1])


def test_a_network_that_takes_a_view_of_images_is_trained_in_the_other_order(own: Any) -> None:
    """`view` refuses what lies channel by channel of each pixel."""
    run = own("viewed")
    network = run.context.network("init")
    start = {f"weights/{name}": value for name, value in state(network).items()}
    trainer = trainers.trainer("eager").start(network, start, {}, run.spec.training, run.task.loss)
    trainer.advance(range(2), fed(run.context, 0, run.context.split(0), run.spec.training))
    assert network.conv.weight.is_contiguous() and network.norm.num_batches_tracked == 2


def test_a_weight_of_two_layers_is_one_tensor_counted_once(own: Any) -> None:
    """huggingface/transformers#16283, horseee/LLM-Pruner#55."""
    run = own("tied")
    network = run.context.network()
    assert run.task.prunable(network)["first.weight"] == 144
    assert "second.weight" not in run.task.prunable(network) and "second.weight" not in state(network)


@pytest.mark.parametrize("trainer", ["eager", "stack"])
def test_tied_weights_are_tied_after_training_and_reloading(own: Any, trainer: str) -> None:
    run = own("tied")
    network = run.context.network()
    restore(network, trainers.weights(trained(run, trainer)[1]))
    assert network.second.weight is network.first.weight
    assert not network.first.weight[~masks(run, 1)["first.weight"]].any()


@pytest.mark.parametrize("name", ["head.weight", "table.weight"])
def test_a_table_that_is_a_head_too_is_pruned_where_it_is_named_by_either_name(own: Any, name: str) -> None:
    run = own(name, "words")
    assert run.task.prunable(run.context.network()) == {"table.weight": 88, "body.weight": 64}
    assert not [key for key in trained(run, "eager")[0] if "head" in key]


def test_a_table_is_not_pruned_where_nobody_names_it(own: Any) -> None:
    assert own("body.weight", "words").task.prunable(own("body.weight", "words").context.network()) == {
        "body.weight": 64
    }


def test_tokens_train_in_a_stack_with_a_tied_head(own: Any) -> None:
    run = own("head.weight", "words")
    assert max(map(apart, trained(run, "stack"), trained(run, "eager"))) < 1e-6


def test_one_stream_draws_one_table(own: Any) -> None:
    run = own("body.weight", "words")
    first, again = (run.context.network("init").table.weight for _ in "12")
    assert torch.equal(first, again) and not torch.equal(first, run.context.network("init", 1).table.weight)


@pytest.mark.parametrize("trainer", ["eager", "stack"])
def test_frozen_layers_are_neither_trained_nor_pruned(own: Any, trainer: str) -> None:
    """VainF/Torch-Pruning#211."""
    run = own("frozen")
    assert set(run.task.prunable(run.context.network())) == {"body.weight", "head.weight"}
    after = trained(run, trainer, weight_decay=0.1, momentum=0.9)[0]
    before = state(run.context.network("init"))
    assert all(torch.equal(after[f"weights/{name}"], before[name]) for name in ("fixed.weight", "fixed.bias", "place"))
    assert not torch.equal(after["weights/body.weight"], before["body.weight"])


def test_a_frozen_layer_is_left_alone_by_the_trainers_of_chains(own: Any) -> None:
    assert own("frozen").choice().trainer == "eager"


def test_a_layer_that_no_pass_uses_stays_as_it_was(own: Any) -> None:
    """VainF/Torch-Pruning#188."""
    run = own("unused")
    after = trained(run, "eager", weight_decay=0.1)[0]["weights/spare.bias"]
    assert torch.equal(after, state(run.context.network("init"))["spare.bias"])


def test_the_projections_of_attention_are_pruned(own: Any) -> None:
    run = own("attention")
    assert run.task.prunable(run.context.network())["attention.in_proj_weight"] == 3 * 18 * 18


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("layer of dropout", "Dropout draws its numbers for all replicates at once"),
        ("dropped", "stack would draw the noise of the loss for all replicates at once"),
        ("skipped", "stack would draw the noise of the loss for all replicates at once"),
    ],
)
def test_a_stack_refuses_what_draws_in_training(own: Any, kind: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        own(kind, trainer="stack").choice()


@pytest.mark.parametrize("kind", ["read", "cumulative"])
def test_what_a_stack_cannot_compute_is_for_eager_with_the_reason(root: Path, kind: str) -> None:
    """`.item()` under vmap, as wav2vec 2.0's SpecAugment has it; statistics whose weight is a count."""
    from ticketsmith_runner import planner

    run = Own(TASKS / "pictures.py", root, {"options": {"kind": kind}, "training": {"trainer": "stack"}})
    assert set(planner.settled(run.context).values()) == {"eager"}
    assert b"stack fails on this machine" in planner.settle(run.context)


@pytest.mark.parametrize("kind", ["layer of dropout", "dropped", "skipped"])
def test_dropout_repeats_from_one_stream(own: Any, kind: str) -> None:
    first, again = trained(own(kind), "eager"), trained(own(kind), "eager")
    assert max(map(apart, first, again)) == 0


def test_what_a_network_keeps_of_a_look_may_be_trained_with(own: Any) -> None:
    """In inference mode it may not: "Inference tensors cannot be saved for backward"."""
    run = own("kept")
    network = run.context.network("init")
    run.measure().look(network.eval(), run.context.split(0).validation)
    run.task.loss(network.train(), run.context.examples.batch(run.context.split(0).train[:4])).mean().backward()
    assert network.body.weight.grad is not None


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("lazy", "leaves 1.weight, 1.bias without a shape"),
        ("strange", "gives another body.weight each time"),
        ("of one body", "gives one and the same 1.weight to every network"),
        ("nothing to prune", "has nothing to prune"),
    ],
)
def test_a_network_that_cannot_be_drawn_is_refused_before_anything_is_trained(
    own: Any, kind: str, problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        own(kind).choice()


def test_a_frozen_weight_cannot_be_named_for_pruning(tmp_path: Path) -> None:
    source = (TASKS / "pictures.py").read_text()
    (tmp_path / "named.py").write_text(source + "\n\ndef prunable(model):\n    return ['fixed.weight']\n")
    with pytest.raises(UsageError, match=r"names fixed.weight, which does not train"):
        Own(tmp_path / "named.py", tmp_path, {"options": {"kind": "frozen"}}).choice()
