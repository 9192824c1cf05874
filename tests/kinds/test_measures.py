"""Loss, score and record of each kind: one forward pass, paired noise, one number for each example, or a refusal."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ticketsmith.errors import UsageError
from ticketsmith.task import ACCURACY, Metric
from ticketsmith_runner import samples
from ticketsmith_runner.evaluate import remembered, score_of

from .own import EXAMPLES, TASKS, Own


class Counted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.calls, self.body = 0, nn.Linear(3, 2)

    def forward(self, x: Tensor, scale: Tensor | None = None) -> Tensor:
        self.calls += 1
        answer: Tensor = self.body(x)
        return answer if scale is None else answer * scale


def test_loss_score_and_record_read_one_forward_pass() -> None:
    network, x = Counted(), torch.rand(4, 3)
    with torch.no_grad(), remembered(network) as again:
        answer = network(x)
        again()
        assert network(x) is answer and network.calls == 1


def test_a_function_that_asks_twice_gets_two_draws() -> None:
    """An importance-weighted bound is the mean over draws: of one draw, thrice, it is another number."""
    network, x = nn.Dropout().train(), torch.ones(99)
    with torch.no_grad(), remembered(network) as again:
        first, second = network(x), network(x)
        again()
        assert not torch.equal(first, second) and network(x) is first and network(x) is second


@pytest.mark.parametrize("other", [lambda x: x.clone(), lambda x: x[:2]])
def test_other_tensors_are_another_forward_pass(other: Any) -> None:
    network, x = Counted(), torch.rand(4, 3)
    with torch.no_grad(), remembered(network) as again:
        network(x)
        again()
        assert torch.equal(network(other(x)), network.body(other(x))) and network.calls == 2


def test_arguments_by_name_are_told_apart() -> None:
    network, x, two = Counted(), torch.rand(4, 3), torch.tensor(2.0)
    with torch.no_grad(), remembered(network):
        assert torch.equal(network(x, scale=two), 2 * network(x)) and network.calls == 2


def test_an_answer_that_was_written_to_is_asked_for_again() -> None:
    network, x = Counted(), torch.rand(4, 3)
    with torch.no_grad(), remembered(network) as again:
        network(x)[:, 0] = -torch.inf
        again()
        assert network(x).isfinite().all()


def test_an_input_that_was_written_to_is_another() -> None:
    network, x = Counted(), torch.rand(4, 3)
    with torch.no_grad(), remembered(network) as again:
        network(x)
        x.zero_()
        again()
        assert torch.equal(network(x), network.body(x))


def test_a_forward_pass_that_was_put_on_a_network_stays_there() -> None:
    network = Counted()
    network.forward = own = lambda x: x  # type: ignore[method-assign,assignment]
    with remembered(network):
        network(torch.zeros(1))
    assert network.forward is own


def test_a_loss_may_use_parts_of_the_network(tmp_path: Path) -> None:
    """A stack finds them too: the loss has the network, not its forward pass."""
    source = (TASKS / "angles.py").read_text().replace("(model(*inputs(batch))", "(parts(model, batch)")
    parts = "\n\ndef parts(m, b):\n    return m.head((m.left(b[0]) + m.right(b[1])).relu()).squeeze(1)\n"
    (tmp_path / "parts.py").write_text(source + parts)
    run = Own(tmp_path / "parts.py", tmp_path, {"training": {"trainer": "stack"}})
    same = Own(TASKS / "angles.py", tmp_path, {"training": {"trainer": "eager"}})
    ours, theirs = (each.dense() for each in (run, same))
    assert max(float((ours[name] - theirs[name]).abs().max()) for name in ours) < 1e-6


def test_the_noise_of_a_loss_is_the_same_for_dense_and_ticket(tmp_path: Path) -> None:
    run = Own(EXAMPLES / "vae.py", tmp_path, {"replicates": 5})
    network, numbers = run.context.network("init").eval(), np.arange(50)
    first, again = (run.measure().columns(network, numbers, recorded=False) for _ in "12")
    other = torch.randn(1000)  # whatever is drawn in between
    assert torch.equal(first["loss"], again["loss"]) and other.numel()


def test_the_noise_of_a_loss_is_another_for_another_replicate(tmp_path: Path) -> None:
    from ticketsmith_runner.order import evaluation

    run = Own(EXAMPLES / "vae.py", tmp_path, {"replicates": 5})
    network = run.context.network("init").eval()
    ours, theirs = (evaluation(run.context, r).look(network, np.arange(50))[0] for r in (0, 1))
    assert ours != theirs


def test_a_loss_that_draws_is_not_for_a_stack(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="would draw the noise of the loss for all replicates at once"):
        Own(EXAMPLES / "vae.py", tmp_path, {"replicates": 5, "training": {"trainer": "stack"}}).choice()


BROKEN = {
    "shape": ("def score(model, batch):\n    return model(*inputs(batch))[:1]", "score.. of task .* gives shape .1,."),
    "nan": ("def loss(model, batch):\n    return model(*inputs(batch)).log().mean() * torch.nan", "is NaN or infinite"),
    "scalar": ("del score", r"loss\(\) of task scalar gives shape \(\) for 2 examples"),
    "taken": ("def record(model, batch):\n    return {'loss': batch[2]}", "record.. of task taken gives loss"),
    "raises": ("def record(model, batch):\n    return {'a': batch[7]}", "fails in line"),
    "sample": ("def sample(model, generator):\n    return [torch.zeros(8, 8)]", r"sample\(\) gives a tensor \(8, 8\)"),
    "whole": ("METRIC = METRIC.model_copy(update={'whole': 'f1'})", "the records have no prediction and label"),
    "number": ("def score(model, batch):\n    return 0.5", r"score\(\) of task number gives a float"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_function_that_would_fail_after_a_training_is_refused_before(tmp_path: Path, name: str) -> None:
    more, problem = BROKEN[name]
    (tmp_path / f"{name}.py").write_text((TASKS / "angles.py").read_text() + f"\n\n{more}\n")
    with pytest.raises(UsageError, match=problem):
        Own(tmp_path / f"{name}.py", tmp_path).choice()


def test_a_data_set_of_one_class_is_refused_before_a_training(tmp_path: Path) -> None:
    text = (TASKS / "heads.py").read_text()
    (tmp_path / "single.py").write_text(text.replace("torch.arange(60) * 5", "torch.full((60,), 5)"))
    with pytest.raises(UsageError, match="all of 60 examples have the target 5: there is nothing to learn"):
        Own(tmp_path / "single.py", tmp_path).choice()


def test_samples_from_the_global_stream_are_paired_too(tmp_path: Path) -> None:
    more = "def sample(model, generator):\n    return [str(torch.rand(()).item())]"
    (tmp_path / "paired.py").write_text((TASKS / "angles.py").read_text() + f"\n\n{more}\n")
    context = Own(tmp_path / "paired.py", tmp_path).context
    drawn = samples.drawn(context, 0, context.network(), context.network())
    assert drawn is not None and drawn.samples[0].dense == drawn.samples[0].candidate


def test_a_score_of_the_whole_test_set_is_what_metrics_say_of_each_replicate() -> None:
    """The mean of logits is no AUC; collapses are counted by these scores."""
    auc = Metric(name="AUC", unit="%", scale=100, higher_is_better=True, margin=0.01, whole="auc")
    records = {
        "role": torch.tensor([1, 2, 2, 2, 2, 0], dtype=torch.uint8),
        "score": torch.tensor([-9.0, -3.0, -2.0, -2.5, -1.0, 9.0]),
        "label": torch.tensor([1, 0, 0, 1, 1, 0], dtype=torch.uint8),
    }
    assert score_of(records, auc) == 0.75 and score_of(records, ACCURACY) == -2.125
    assert score_of(records | {"score": torch.full((6,), torch.nan)}, auc) is None
