"""Structured tickets: vectors of 16 weights and whole units, through a run and down to the network that is left."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from ticketsmith.errors import UsageError
from ticketsmith.lottery.results import Density, Verdict
from ticketsmith.specs import read_spec
from ticketsmith_runner import masks
from ticketsmith_runner.backends.cuda_semi24 import fits
from ticketsmith_runner.compaction import compact
from ticketsmith_runner.execute import execute
from ticketsmith_runner.granularities import two_of_four, unit, vector
from ticketsmith_runner.network import restore
from ticketsmith_runner.tensors import member, unpack

from .conftest import Run

WIDE: dict[str, Any] = {"options": {"hidden": [40, 24]}, "pruning": {"sparsity": 0.6, "fraction": 0.3}}


def structured(start: Callable[..., Run], name: str) -> Run:
    run = start({**WIDE, "pruning": {**WIDE["pruning"], "granularity": name}}, name)
    run.go()
    return run


def last(run: Run, arm: str, file: str, kind: str) -> dict[str, torch.Tensor]:
    level = max(step.level for step in run.steps.values())
    return unpack(run.ledger.read(run[f"level-{level:02d}/{arm}/{kind}"], file))


@pytest.mark.parametrize("arm", ["ticket", "random"])
def test_vectors_live_and_die_together(start: Callable[..., Run], arm: str) -> None:
    run = structured(start, "vector")
    for mask_R in last(run, arm, "mask.safetensors", "prune").values():
        for mask in mask_R:
            for rows in mask.split(vector.LENGTH):
                assert torch.equal(rows.all(0), rows.any(0))
    density = Density.model_validate_json(run.ledger.read(run["level-03/ticket/prune"], "density.json"))
    assert density.sparsity == pytest.approx(0.6, abs=0.01)


@pytest.mark.parametrize("arm", ["ticket", "random"])
def test_with_a_unit_go_what_it_reads_and_what_reads_it(start: Callable[..., Run], arm: str) -> None:
    run = structured(start, "unit")
    stacked = last(run, arm, "mask.safetensors", "prune")
    assert sorted(stacked) == ["1.weight", "3.weight", "5.weight"]
    for r in range(5):
        first, second, third = (stacked[f"{n}.weight"][r] for n in (1, 3, 5))
        units = [first.any(1), second.any(1)]
        assert torch.equal(first, units[0][:, None].expand_as(first))
        assert torch.equal(second, units[1][:, None] & units[0])
        assert torch.equal(third, units[1].expand_as(third))
        assert (int(units[0].sum()), int(units[1].sum())) == (19, 11)


def test_a_ticket_of_units_is_a_smaller_network(start: Callable[..., Run]) -> None:
    run = structured(start, "unit")
    weights, mask = (
        last(run, "ticket", "weights.safetensors", "train"),
        last(run, "ticket", "mask.safetensors", "prune"),
    )
    network = run.context.network().eval().requires_grad_(False)
    restore(network, {name.removeprefix("weights/"): value for name, value in member(weights, 0).items()})

    small = compact(network, member(mask, 0))

    assert [tuple(m.weight.shape) for m in small if isinstance(m, nn.Linear)] == [(19, 64), (11, 19), (10, 11)]
    inputs = run.context.examples.tensors[0][:50]
    torch.testing.assert_close(small(inputs), network(inputs), atol=1e-5, rtol=0)
    verdict = Verdict.model_validate_json(run.ledger.read(run["level-03/ticket/gate"], "verdict.json"))
    assert verdict.sparsity == pytest.approx(0.6, abs=0.02)


def test_channels_go_with_the_planes_that_a_linear_reads() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5))
    scores = {"0.weight": torch.ones(4, 1, 3, 3), "4.weight": torch.ones(5, 144)}
    scores["0.weight"][2] = 9.0

    kept = unit.prune(network, scores, masks.ones(scores), {"": 9 + 5 * 36})

    assert kept["0.weight"].flatten(1).any(1).tolist() == [False, False, True, False]
    assert kept["4.weight"].sum(1).tolist() == [36] * 5 and kept["4.weight"][0, 72:108].all()


def test_vectors_of_all_layers_compete_where_the_scope_is_global() -> None:
    scores = {"a": torch.ones(16, 2), "b": torch.ones(32, 1)}
    scores["a"][:, 1], scores["b"][16:] = 3.0, 2.0
    groups = {name: vector.vectors(score) for name, score in scores.items()}

    kept = masks.prune_groups(scores, masks.ones(scores), groups, {"": 32})

    assert kept["a"].any(0).tolist() == [False, True] and kept["b"][:, 0].tolist() == [False] * 16 + [True] * 16


def test_the_nearest_number_of_vectors_stays() -> None:
    alive, groups = torch.ones(48, dtype=torch.bool), torch.arange(48) // 16
    for count, left in ((0, 16), (7, 16), (9, 16), (30, 32), (48, 48), (50, 48)):
        assert int(masks.keep_groups(torch.arange(48.0), alive, groups, count).sum()) == left


RESIDUAL = """
class Residual(nn.Sequential):
    pass

def model():
    return nn.Sequential(nn.Flatten(), Residual(nn.Linear(64, 64)), nn.Linear(64, 10))
"""


def test_a_network_with_sums_has_no_units_of_its_own(own: Callable[..., Run]) -> None:
    run = own(RESIDUAL, {"pruning": {"granularity": "unit"}})
    execute(run["level-00/dense/train"], run.context)

    with pytest.raises(UsageError, match="unit cannot prune this network"):
        execute(run["level-01/ticket/prune"], run.context)


def test_groups_of_channels_are_no_units_of_their_own() -> None:
    network = nn.Sequential(nn.Conv2d(4, 8, 3, groups=2), nn.Flatten(), nn.Linear(8, 2))
    scores = {name: p.detach().abs() for name, p in network.named_parameters() if p.dim() > 1}
    with pytest.raises(ValueError, match="can be told apart"):
        unit.prune(network, scores, masks.ones(scores), {"": 20})


def test_units_of_different_layers_do_not_compete() -> None:
    with pytest.raises(UsageError, match=r"pruning\.scope: expected layerwise where units compete"):
        read_spec(None, {"pruning": {"granularity": "unit", "scope": "global"}})


@pytest.mark.parametrize(("arm", "scope"), [("ticket", "layerwise"), ("random", "layerwise"), ("ticket", "global")])
def test_from_half_on_a_ticket_has_two_of_four_at_most(start: Callable[..., Run], arm: str, scope: str) -> None:
    pruning = {"granularity": "two-of-four", "sparsity": 0.6, "fraction": 0.3, "scope": scope, "output_rate": 1.0}
    run = start({"pruning": pruning if scope == "layerwise" else {**pruning, "output_rate": 0.5}}, scope)
    run.go()
    density = Density.model_validate_json(run.ledger.read(run["level-03/ticket/prune"], "density.json"))
    assert density.sparsity == pytest.approx(0.6, abs=0.001)
    found = last(run, arm, "mask.safetensors", "prune")
    wide = [mask for mask in found.values() if mask.shape[2] % 4 == 0]
    assert len(wide) == 2 and all(fits(each) for mask in wide for each in mask)


def test_the_two_best_of_four_go_last() -> None:
    score = torch.tensor([[9.0, 8.0, 7.0, 6.0, 1.0, 2.0, 3.0, 4.0]])

    def kept(count: int, gone: int = 0) -> list[int]:
        alive = torch.arange(8)[None] >= gone
        (mask,) = two_of_four.prune(nn.Identity(), {"a": score}, {"a": alive}, {"a": count}).values()
        return mask[0].nonzero().flatten().tolist()

    assert kept(6) == [0, 1, 2, 3, 6, 7]
    assert kept(4) == [0, 1, 6, 7]
    assert kept(2) == [0, 1]
    assert kept(4, gone=2) == [2, 3, 6, 7]
    with pytest.raises(ValueError, match="cannot keep"):
        kept(9)
