"""Compaction changes no output, and leaves nothing that could be removed."""

from itertools import pairwise
from typing import NamedTuple

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor, nn

from ticketsmith_runner.applicable import NotApplicable
from ticketsmith_runner.compaction import Select, compact


class Case(NamedTuple):
    widths: list[int]
    keep: list[Tensor]
    seed: int


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Chains of 1 to 4 layers; masks with empty rows, empty columns, and layers without any weight."""
    widths = draw(st.lists(st.integers(1, 9), min_size=2, max_size=5))
    seed = draw(st.integers(0, 2**32 - 1))
    generator = torch.Generator().manual_seed(seed)
    keep = []
    for inputs, units in pairwise(widths):
        mask = torch.rand(units, inputs, generator=generator) < draw(st.sampled_from([0.0, 0.1, 0.3, 0.7, 1.0]))
        mask[draw(st.lists(st.integers(0, units - 1), max_size=3))] = False
        mask[:, draw(st.lists(st.integers(0, inputs - 1), max_size=3))] = False
        keep.append(mask)
    return Case(widths, keep, seed)


@given(case=cases())
@settings(max_examples=150, deadline=None)
def test_outputs_stay(chain, case):
    _, masked, masks = chain(case.widths, case.keep, case.seed)
    inputs = torch.randn(17, case.widths[0], generator=torch.Generator().manual_seed(case.seed))

    torch.testing.assert_close(compact(masked, masks)(inputs), masked(inputs), atol=1e-4, rtol=0)


@given(case=cases())
@settings(max_examples=150, deadline=None)
def test_predictions_stay_exactly(chain, case):
    _, masked, masks = chain(case.widths, case.keep, case.seed)
    masked, inputs = masked.double(), torch.randn(17, case.widths[0], dtype=torch.double)

    assert torch.equal(compact(masked, masks)(inputs).argmax(1), masked(inputs).argmax(1))


@given(case=cases())
@settings(max_examples=150, deadline=None)
def test_nothing_dead_is_left(chain, case):
    _, masked, masks = chain(case.widths, case.keep, case.seed)

    linears = [module for module in compact(masked, masks) if isinstance(module, nn.Linear)]

    for layer, after in pairwise(linears):
        assert layer.weight.any(1).all(), "a hidden unit reads nothing"
        assert after.weight.any(0).all(), "a hidden unit is read by nobody"
    assert all(layer.weight.any(0).all() for layer in linears[:1]), "an input is read by nobody"


def test_removal_goes_on_until_nothing_is_left_to_remove(chain):
    """Unit 0 of layer 1 starves unit 0 of layer 2; with unit 1 of layer 2 unread, unit 1 of layer 1 and input 1 go."""
    eye = torch.eye(3, dtype=torch.bool)
    first, second, third = eye.clone(), eye.clone(), torch.ones(2, 3, dtype=torch.bool)
    first[0, 0], third[:, 1] = False, False
    _, masked, masks = chain([3, 3, 3, 2], [first, second, third])

    small = compact(masked, masks)

    assert [tuple(m.weight.shape) for m in small if isinstance(m, nn.Linear)] == [(1, 1), (1, 1), (2, 1)]
    assert [m.indices.tolist() for m in small if isinstance(m, Select)] == [[2]]


def test_inputs_are_selected_only_where_some_are_removed(chain):
    _, masked, masks = chain([4, 3, 2], 1.0)

    assert [type(module) for module in compact(masked, masks)] == [nn.Flatten, nn.Linear, nn.ReLU, nn.Linear]


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_a_layer_without_weights_makes_the_network_constant(chain, cut):
    keep = [torch.ones(shape, dtype=torch.bool) for shape in [(4, 5), (3, 4), (2, 3)]]
    keep[cut][:] = False
    _, masked, masks = chain([5, 4, 3, 2], keep)
    inputs = torch.randn(3, 1, 5)

    small = compact(masked, masks)

    assert [type(module) for module in small] == [nn.Flatten, Select, nn.Linear]
    assert small[2].weight.shape == (2, 0)
    torch.testing.assert_close(small(inputs), masked(inputs), atol=1e-6, rtol=0)


def test_a_surviving_weight_of_value_zero_counts_as_surviving(chain):
    _, masked, masks = chain([2, 2, 2], 1.0)
    masked[1].weight[:] = 0

    assert compact(masked, masks)[1].weight.shape == (2, 2)


def test_biases_may_be_missing_and_the_chain_may_end_in_relu():
    network = nn.Sequential(nn.Linear(3, 2, bias=False), nn.ReLU(), nn.Linear(2, 2), nn.ReLU()).requires_grad_(False)
    masks = {"0.weight": torch.tensor([[True, False, True], [False, False, False]])}
    network[0].weight[~masks["0.weight"]] = 0
    inputs = torch.randn(5, 3)

    torch.testing.assert_close(compact(network, masks)(inputs), network(inputs), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("network", "named"),
    [
        (nn.Linear(2, 2), "Linear, not an nn.Sequential"),
        (nn.Sequential(nn.Flatten(), nn.Linear(2, 2), nn.Tanh()), "'2' .Tanh"),
        (nn.Sequential(nn.Conv2d(1, 1, 1), nn.Flatten(), nn.Linear(4, 2)), "'0' .Conv2d"),
        (nn.Sequential(nn.Linear(2, 2), nn.Flatten()), "'1' .Flatten"),
        (nn.Sequential(nn.Flatten(0), nn.Linear(2, 2)), "'0' .Flatten"),
        (nn.Sequential(nn.ReLU(), nn.Linear(2, 2)), "'0' .ReLU"),
        (nn.Sequential(nn.Flatten()), "no Linear"),
    ],
)
def test_other_networks_are_refused_by_the_name_of_the_module(network, named):
    with pytest.raises(NotApplicable, match=named):
        compact(network, {})
