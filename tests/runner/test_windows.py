"""Windows of 16 inputs of a unit: each keeps its number, in the order of the int8 kernel's memory, in every round."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ticketsmith.errors import UsageError
from ticketsmith.lottery.results import Verdict
from ticketsmith.lottery.schedule import kept, rounds
from ticketsmith.lottery.spec import Pruning
from ticketsmith.lottery.windows import WINDOW, numbers, slowed
from ticketsmith.specs import merge, read_spec
from ticketsmith_runner import masks
from ticketsmith_runner.execute import execute
from ticketsmith_runner.granularities import window
from ticketsmith_runner.tensors import unpack
from ticketsmith_runtime.int8.packed import PICKS
from ticketsmith_runtime.kernels._greedy import steps
from ticketsmith_runtime.kernels._rows import rows

from .conftest import TINY, Run

NETWORK = nn.Identity()
SHAPES = [(3, 64), (2, 44), (4, 17), (2, 3), (2, 3, 3, 3), (2, 32, 1, 2), (3, 20, 2), (3, 1, 1, 1), (2, 24)]


def counts(mask: Tensor) -> list[list[int]]:
    """Weights left in each window of each unit, by loops; the order of inputs is rows, columns, channels."""
    units = [torch.stack([*unit.reshape(len(unit), -1).T]).flatten() for unit in mask]
    return [[int(each.sum()) for each in unit.split(WINDOW)] for unit in units]


def held(mask: Tensor, number: int) -> None:
    """Assert that the number is left in every window, and its share, rounded up, in a short one."""
    inputs = mask[0].numel()
    lengths = [min(WINDOW, inputs - first) for first in range(0, inputs, WINDOW)]
    assert counts(mask) == [[int(np.ceil(number * length / WINDOW)) for length in lengths]] * len(mask)


@settings(max_examples=25, deadline=None)
@given(
    left=st.integers(1, 15),
    fraction=st.sampled_from([0.05, 0.2, 0.6]),
    pace=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 99),
)
def test_every_window_has_its_number_at_every_level(left: int, fraction: float, pace: float, seed: int) -> None:
    pruning = Pruning(granularity="window", sparsity=1 - left / WINDOW, fraction=fraction, output_rate=pace)
    stream = torch.Generator().manual_seed(seed)
    scores = {str(i): torch.rand(shape, generator=stream).round(decimals=1) for i, shape in enumerate(SHAPES)}
    sizes, output = {name: score.numel() for name, score in scores.items()}, str(len(SHAPES) - 1)
    alive = masks.ones(scores)
    for level in range(1, rounds(pruning) + 1):
        found = window.prune(NETWORK, scores, alive, kept(sizes, output, pruning, level))
        drawn = {name: torch.rand(score.shape, generator=stream) for name, score in scores.items()}
        like = {name: int(mask.sum()) for name, mask in found.items()}
        random = window.prune(NETWORK, drawn, masks.ones(drawn), like)
        for name in scores:
            number = numbers(pruning)[level]
            held(found[name], slowed(number, pace) if name == output else number)
            assert counts(random[name]) == counts(found[name])
            assert not (found[name] & ~alive[name]).any()
        alive = found
    assert numbers(pruning)[-1] == left


def test_the_best_of_a_window_stay_and_of_ties_the_first() -> None:
    score = torch.tensor([[*range(16), *[1.0] * 16]])
    found = window.prune(NETWORK, {"a": score}, {"a": torch.ones(1, 32, dtype=torch.bool)}, {"a": 6})["a"]
    assert found.nonzero()[:, 1].tolist() == [13, 14, 15, 16, 17, 18]


def test_a_window_of_a_convolution_is_16_channels_at_one_place() -> None:
    score = torch.rand(4, 32, 3, 3)
    found = window.prune(NETWORK, {"a": score}, {"a": score >= 0}, {"a": score.numel() // 4})["a"]
    assert (found.reshape(4, 2, 16, 3, 3).sum(2) == 4).all()


def test_what_has_no_windows_is_refused() -> None:
    one = {"a": torch.rand(8)}
    with pytest.raises(ValueError, match=r"shape \(8,\) has no windows"):
        window.prune(NETWORK, one, masks.ones(one), {"a": 2})
    few = torch.arange(16)[None] < 3
    with pytest.raises(ValueError, match="cannot keep 4 of 16"):
        window.prune(NETWORK, {"a": torch.rand(1, 16)}, {"a": few}, {"a": 4})


@pytest.mark.parametrize(
    ("pruning", "problem"),
    [
        ({}, "sparsity: expected 0.75 (4 of 16 left) or 0.8125 (3 of 16 left) where windows are pruned, got 0.8"),
        ({"sparsity": 0.99}, "sparsity: expected 0.9375 (1 of 16 left) where windows are pruned, got 0.99"),
        ({"sparsity": 0.01}, "sparsity: expected 0.0625 (15 of 16 left) where windows are pruned, got 0.01"),
        ({"sparsity": 0.75, "scope": "global"}, "scope: expected layerwise where windows are pruned, got global"),
    ],
)
def test_a_spec_that_windows_cannot_have_names_those_that_they_can(pruning: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_spec(None, {"pruning": {"granularity": "window", **pruning}})
    assert f"  - pruning.{problem}" in caught.value.args[0].splitlines()
    assert caught.value.code == 2


@pytest.mark.parametrize(("number", "form", "least"), [(4, (8, 16), 1.0), (4, (16, 64), 0.95), (8, (8, 16), 1.0)])
@pytest.mark.parametrize("shape", [(64, 256), (48, 784), (32, 64, 3, 3)])
def test_the_int8_kernels_steps_are_full(
    number: int, form: tuple[int, int], least: float, shape: tuple[int, ...]
) -> None:
    score = torch.rand(shape)
    found = window.prune(NETWORK, {"a": score}, {"a": score >= 0}, {"a": score.numel() * number // WINDOW})["a"]
    alive_OI = window.in_order(found).numpy()
    kept = rows(alive_OI)
    found_steps = steps(kept, *form, PICKS)
    assert len(kept.inputs_K) / (len(found_steps.starts_S) * form[0] * PICKS) >= least


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    own = {"options": {"hidden": [40, 24]}, "pruning": {"granularity": "window", "sparsity": 0.75, "fraction": 0.5}}
    whole = Run(read_spec(None, merge(TINY, own)), tmp_path_factory.mktemp("windows"))
    for step in whole.steps.values():
        if step.kind not in ("benchmark", "report"):
            execute(step, whole.context)
    return whole


def read(run: Run, key: str, file: str) -> dict[str, Tensor]:
    return unpack(run.ledger.read(run[key], file))


@pytest.mark.parametrize("arm", ["ticket", "random"])
def test_a_run_of_windows(run: Run, arm: str) -> None:
    assert rounds(run.spec.pruning) == 2
    for level, expected in ((1, (8, 8, 11)), (2, (4, 4, 8))):
        stacked = read(run, f"level-{level:02d}/{arm}/prune", "mask.safetensors")
        for number, mask_R in zip(expected, [stacked[name] for name in sorted(stacked)], strict=True):
            for mask in mask_R:
                held(mask, number)


def test_its_rounds_are_nested_and_its_controls_have_its_sparsity(run: Run) -> None:
    before, after = (read(run, f"level-{level:02d}/ticket/prune", "mask.safetensors") for level in (1, 2))
    assert all((mask <= before[name]).all() for name, mask in after.items())
    arms = ("ticket", "reinit", "random")
    judged = [Verdict.model_validate_json(run.ledger.read(run[f"level-02/{arm}/gate"], "verdict.json")) for arm in arms]
    assert {verdict.sparsity for verdict in judged} == {1 - (40 * 16 + 24 * 10 + 10 * 12) / 3760}
