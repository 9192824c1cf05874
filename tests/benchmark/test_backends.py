"""The contract of every file in backends/: it serves the network it says, or says why not."""

import pytest
import torch
from torch import nn

from ticketsmith_runner.backends import NotApplicable, every
from ticketsmith_runner.backends._admission import TOLERANCE, Unequal, admit, compare


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("density", [1.0, 0.3, 0.02])
@pytest.mark.parametrize("widths", [[6, 3], [12, 30, 10, 4], [64, 50, 10]])
@pytest.mark.parametrize("name", every())
def test_a_backend_equals_its_network_or_says_why_not(chain, name, widths, density, batch):
    dense, masked, masks = chain(widths, density)
    backend, inputs = every()[name], torch.randn(batch, 1, widths[0])

    with torch.inference_mode():
        try:
            outputs = backend.build(dense, masked, masks, inputs.shape[1:])(inputs)
        except NotApplicable as reason:
            assert str(reason)
        else:
            compare(outputs, (dense if backend.DENSE else masked)(inputs))


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("density", [1.0, 0.3, 0.05])
@pytest.mark.parametrize("name", every())
def test_a_backend_equals_a_network_with_convolutions(name, residual, density, batch):
    dense, masked, masks = residual(density)
    backend, inputs = every()[name], torch.randn(batch, 3, 12, 12)

    with torch.inference_mode():
        outputs = backend.build(dense, masked, masks, inputs.shape[1:])(inputs)
        compare(outputs, (dense if backend.DENSE else masked)(inputs))


@pytest.mark.parametrize("name", every())
def test_outputs_survive_the_next_call(chain, name):
    forward = every()[name].build(*chain([6, 5, 3], 0.5), (6,))
    with torch.inference_mode():
        outputs = forward(torch.ones(2, 6))
        before = outputs.clone()
        forward(torch.zeros(2, 6))

    assert torch.equal(outputs, before)


def test_what_is_not_a_chain_still_runs_dense_and_masked_with_a_reason_for_the_rest():
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.Tanh()).eval()

    admitted = admit(every(), network, network, {}, torch.randn(3, 4), [2])

    assert list(admitted.forwards) == ["masked", "pytorch"]
    assert {each.backend for each in admitted.refused} == every().keys() - admitted.forwards.keys()
    assert all("Tanh" in each.reason for each in admitted.refused)


def test_a_dense_backend_is_checked_against_the_dense_network(chain, fake):
    dense, masked, masks = chain([6, 5, 3], 0.5)
    wrong = fake(lambda dense, masked, masks: masked, DENSE=True)

    admitted = admit({"opponent": wrong}, dense, masked, masks, torch.randn(4, 6), [4])

    assert not admitted.forwards and "differ" in admitted.refused[0].reason


def test_a_backend_that_is_wrong_at_one_batch_size_is_refused(chain, fake):
    dense, masked, masks = chain([6, 5, 3], 0.5)
    wrong = fake(lambda dense, masked, masks: lambda x: masked(x) + (len(x) == 16))

    admitted = admit({"wrong": wrong}, dense, masked, masks, torch.randn(20, 6), [1, 16, 64])

    assert "at batch size 16" in admitted.refused[0].reason


def test_a_backend_that_is_wrong_on_the_last_example_alone_is_refused(chain, fake):
    dense, masked, masks = chain([6, 5, 3], 0.5)
    inputs = torch.randn(9, 6)
    wrong = fake(lambda dense, masked, masks: lambda x: masked(x) + (x == inputs[-1]).all(1, keepdim=True))

    assert admit({"wrong": wrong}, dense, masked, masks, inputs, [4]).refused


@pytest.mark.parametrize(
    ("outputs", "reason"),
    [
        ([[0.0, 1.0, 2.0]], "shape"),
        ([[float("nan"), 1.0]], "not finite"),
        ([[0.0, float("inf")]], "not finite"),
        ([[0.0, 1.001]], "differ from the reference by up to 0.001"),
    ],
)
def test_wrong_outputs(outputs, reason):
    with pytest.raises(Unequal, match=reason):
        compare(torch.tensor(outputs), torch.tensor([[0.0, 1.0]]))


def test_a_reference_that_is_not_finite_admits_nobody():
    with pytest.raises(Unequal):
        compare(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, float("nan")]]))


def test_a_changed_prediction_is_wrong_unless_it_is_a_tie():
    tie, lead = torch.tensor([[0.0, 0.9]]) * TOLERANCE, torch.tensor([[0.0, 1.2]]) * TOLERANCE

    assert compare(tie.flip(1), tie) == pytest.approx(0.9 * TOLERANCE)
    with pytest.raises(Unequal, match="1 of 1 predictions"):
        compare(torch.tensor([[0.7, 0.6]]) * TOLERANCE, lead)


def test_large_logits_may_differ_in_proportion():
    """Seen on MNIST after 50,000 updates: logits near 100, and 1.2e-4 between two batch sizes of the same network."""
    assert compare(torch.tensor([[100.0, 0.00012]]), torch.tensor([[100.0, 0.0]])) == pytest.approx(0.00012)
    with pytest.raises(Unequal, match=r"0\.00012 of its scale"):
        compare(torch.tensor([[1.0, 0.00012]]), torch.tensor([[1.0, 0.0]]))
