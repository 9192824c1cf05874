"""Exact counts, whatever the scores."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ticketsmith_runner import masks

few_values = st.lists(st.sampled_from([0.0, 0.0, 0.5, 1.0]), min_size=1, max_size=60)


@given(few_values, st.data())
def test_exact_count_under_ties_and_nested(values: list[float], data: st.DataObject) -> None:
    """open_lth prunes every tie at the threshold, and one weight too many."""
    scores = torch.tensor(values)
    alive = torch.ones(len(values), dtype=torch.bool)
    for _ in range(3):
        count = data.draw(st.integers(0, int(alive.sum())))
        kept = masks.keep(scores, alive, count)
        assert int(kept.sum()) == count
        assert not (kept & ~alive).any()
        alive = kept


def test_the_highest_scores_stay_and_ties_go_to_the_lower_index() -> None:
    scores = torch.tensor([2.0, 1.0, 3.0, 1.0, 1.0])
    kept = masks.keep(scores, torch.ones(5, dtype=torch.bool), 3)
    assert kept.tolist() == [True, True, True, False, False]


def test_a_pruned_weight_of_any_score_stays_pruned() -> None:
    kept = masks.keep(torch.tensor([9.0, 0.0, 0.0]), torch.tensor([False, True, True]), 2)
    assert kept.tolist() == [False, True, True]


def test_too_many_survivors_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot keep 2 of 1 weights"):
        masks.keep(torch.ones(2), torch.tensor([True, False]), 2)


def test_global_scope_lets_layers_compete() -> None:
    scores = {"small": torch.tensor([[1.0, 2.0]]), "large": torch.tensor([[3.0], [4.0]])}
    kept = masks.prune(scores, masks.ones(scores), {"": 3})
    assert {name: mask.tolist() for name, mask in kept.items()} == {"small": [[False, True]], "large": [[True], [True]]}


def test_layerwise_scope_keeps_each_layer_apart() -> None:
    scores = {"small": torch.tensor([[1.0, 2.0]]), "large": torch.tensor([[3.0], [4.0]])}
    kept = masks.prune(scores, masks.ones(scores), {"small": 1, "large": 1})
    assert {name: mask.tolist() for name, mask in kept.items()} == {
        "small": [[False, True]],
        "large": [[False], [True]],
    }


def test_a_masked_weight_is_a_positive_zero() -> None:
    applied = masks.apply({"w": torch.tensor([False])}, {"w": torch.tensor([-1.0]), "b": torch.tensor([2.0])})
    assert not torch.signbit(applied["w"]).any()
    assert applied["b"].tolist() == [2.0]
