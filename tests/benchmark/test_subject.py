"""A subject makes each form of its networks once, and remembers a refusal."""

import pytest
import torch
from torch import nn

from ticketsmith_runner.applicable import NotApplicable
from ticketsmith_runner.inputs import call, caller, count, floats, outputs, rows


def test_each_form_is_made_once(chain, subject_for):
    subject = subject_for(*chain([6, 5, 3], 0.5), torch.randn(4, 6))

    for form in ("graph", "dense_graph", "compacted", "compact", "models"):
        assert getattr(subject, form) is getattr(subject, form)


def test_a_refusal_is_remembered(subject_for):
    class Counting(nn.Module):
        calls = 0

        def forward(self, inputs):
            Counting.calls += 1
            return inputs.tanh()

    subject = subject_for(Counting(), Counting(), {}, torch.randn(4, 6))
    reasons = []
    for form in ("graph", "graph", "compacted", "compact"):
        with pytest.raises(NotApplicable) as refusal:
            getattr(subject, form)
        reasons.append(str(refusal.value))

    assert len(set(reasons)) == 1
    assert Counting.calls == 1


@pytest.mark.parametrize(
    ("inputs", "read"),
    [
        (torch.zeros(2, 3, dtype=torch.int64), "tokens"),
        (torch.zeros(2, 3, dtype=torch.bool), "bool"),
        ((torch.zeros(2), torch.zeros(2)), "2 inputs"),
        ({"x": torch.zeros(2)}, "1 inputs by name"),
    ],
)
def test_other_inputs_than_a_tensor_of_floats_are_named(inputs, read):
    with pytest.raises(NotApplicable, match=f"this network reads {read}$"):
        floats(inputs)


def test_a_network_is_called_with_a_tensor_with_places_or_with_names():
    def network(x, y=1, *, z=0):
        return x, y, z

    x = torch.zeros(2)
    assert call(network, x) == (x, 1, 0)
    assert call(network, (x, 2)) == (x, 2, 0)
    assert call(network, {"x": x, "z": 3}) == (x, 1, 3)
    assert caller(network, x) is network


def test_rows_are_taken_of_every_tensor_and_of_nothing_else():
    inputs = {"x": torch.arange(5), "deep": (torch.arange(5) * 2, "a word", None)}

    few = rows(inputs, slice(1, 3))

    assert (few["x"].tolist(), few["deep"][0].tolist(), few["deep"][1:]) == ([1, 2], [2, 4], ("a word", None))
    assert count(few) == 2


def test_outputs_are_the_tensors_of_floats_in_their_order():
    one, two = torch.zeros(2), torch.ones(2, 3)
    answer = {"loss": None, "mean": torch.tensor(0.0), "logits": one, "more": (torch.arange(2), [two])}

    assert [id(leaf) for leaf in outputs(answer)] == [id(one), id(two)]
