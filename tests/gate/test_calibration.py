"""Errors of the gate, by simulation: at a true difference of -margin it may say PASS in 5 % of experiments."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from ticketsmith.lottery.gate import judge, null_reach
from ticketsmith.lottery.metric import ACCURACY
from ticketsmith.lottery.results import Difference
from ticketsmith_runner.statistics import bounded, errors

EXPERIMENTS, EXAMPLES = 2000, 100
MARGIN, CONFIDENCE = 0.15, 0.95
LEAST = null_reach(MARGIN, EXAMPLES, CONFIDENCE)
"""A bound's least distance from the mean, 6 points: these worlds vary more, so that it is their errors that decide."""
CHANCE = 1 - CONFIDENCE
TOLERANCE = 3 * (CHANCE * (1 - CHANCE) / EXPERIMENTS) ** 0.5
"""Three standard errors of a simulated rate: 1.5 points."""


@dataclass(frozen=True, kw_only=True)
class World:
    """The source of differences between two nets. About half of all predictions differ."""

    replicates: int
    folds: int = 1
    """Replicates of a block; 1: all replicates share all test examples."""
    seeds: float
    """Standard deviation of the true difference over training seeds."""
    shared: float
    """Share of the examples on which every replicate differs in the same way."""


DIGITS = World(replicates=10, folds=5, seeds=0.05, shared=0.3)
SEEDS = World(replicates=5, seeds=0.14, shared=0.0)
ITEMS = World(replicates=10, seeds=0.0, shared=0.9)
MIXED = World(replicates=20, seeds=0.14, shared=0.2)


@pytest.mark.parametrize("world", [DIGITS, SEEDS, ITEMS, MIXED], ids=["cross-fitted", "seeds", "examples", "both"])
def test_a_false_pass_is_as_rare_as_stated(world: World) -> None:
    assert passes(simulate(world, -MARGIN)) <= CHANCE + TOLERANCE


def test_a_ticket_like_dense_mostly_passes() -> None:
    assert passes(simulate(DIGITS, 0)) > 0.7


def simulate(world: World, true: float) -> list[Difference]:
    """Verdicts of the gate in EXPERIMENTS independent experiments; `true` is the expected difference."""
    rng = np.random.default_rng(0)
    return [_experiment(world, true, rng) for _ in range(EXPERIMENTS)]


def passes(differences: list[Difference]) -> float:
    """Share of PASS."""
    return sum(judge(each, MARGIN, CONFIDENCE, ACCURACY)[0] == "PASS" for each in differences) / len(differences)


def _experiment(world: World, true: float, rng: np.random.Generator) -> Difference:
    size = world.replicates // world.folds, EXAMPLES
    luck = np.where(rng.random(EXAMPLES) < world.shared, rng.random(EXAMPLES), rng.random(size))
    examples: list[NDArray[np.int64]] = []
    deltas: list[NDArray[np.float64]] = []
    for block in luck:
        order = rng.permutation(EXAMPLES)
        for fold in range(world.folds):
            chosen = order[fold :: world.folds]
            shift = (true + rng.normal(0, world.seeds)) / 2
            won, lost = block[chosen] > 0.75 - shift, block[chosen] < 0.25 - shift
            examples.append(chosen)
            deltas.append(won.astype(np.float64) - lost)
    return bounded(errors(examples, deltas), CONFIDENCE, LEAST)
