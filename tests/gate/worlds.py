"""Worlds in which a gate may err: how often it says PASS where exactly the margin is lost, and what it still sees.

`make gate-worlds` prints them all (`table.py`, half an hour); the quick ones are tests. In each world a ticket loses
the margin; the goal is a false PASS in 6 % at most, or a mark in the report where nothing in the data can show it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ticketsmith.lottery.gate import CARRIERS, null_reach
from ticketsmith_runner.bounds import carriers, stretched, t_quantile, two_way
from ticketsmith_runner.looks import nominal

from . import simulator as sim
from .simulator import CELLS, ITEMS, MEAN, REPLICATES, SKEW, Moments

CONFIDENCE = 0.95
TAILS = "marked: beside every PASS stands how many collapses it leaves possible"
POOL = "marked: the report says that all replicates share one training pool"
Verdicts = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class World:
    """The source of differences, and the replicates after which the gate looks."""

    name: str
    looks: tuple[int, ...]
    n: int
    folds: int = 1
    carry: float = 1.0
    lose: float
    win: float
    effect: tuple[int, float, float] = (sim.NO_EFFECT, 0.0, 0.0)
    common: float = 0.0
    margin: float = 0.005
    mark: str = ""
    """What a report says where the world is beyond what data can show."""
    afresh: bool = False
    """Was each look judged at the full confidence before? Then `before` is that."""

    def draw(self, studies: int, *, lost: bool, seed: int = 1) -> Moments:
        """Moments of studies, (studies, looks, 5), in which the margin is lost, or nothing is."""
        churn = min(self.lose, self.win) if self.win else 0.0
        lose, win = (self.lose, self.win) if lost else (churn, churn)
        looks = np.array(self.looks)
        return np.asarray(
            sim.accuracies(seed, studies, looks, self.n, self.folds, self.carry, lose, win, self.effect, self.common)
        )


def digits(name: str, *looks: int, **fields: object) -> World:
    """1,797 examples, cross-fitted in five folds."""
    return World(name=f"digits, {name}", looks=looks, n=1797, folds=5, **fields)  # type: ignore[arg-type]


def mnist(name: str, *looks: int, **fields: object) -> World:
    """10,000 test examples that all replicates share; 3 % of them are hard."""
    hard = {"carry": 0.03, "lose": 0.2667, "win": 0.1} | fields
    return World(name=f"10,000 shared, {name}", looks=looks, n=10_000, **hard)  # type: ignore[arg-type]


EVERYWHERE = {"lose": 0.0055, "win": 0.0005}
TENTH = {"carry": 0.1, "lose": 0.08, "win": 0.03, "effect": (sim.NORMAL, 0.003, 0.0)}
ALWAYS = {"carry": 0.005, "lose": 1.0, "win": 0.0}
RARELY = {"carry": 0.001, "lose": 1.0, "win": 0.0, "margin": 0.001}
WIDE = {"carry": 0.2, "lose": 0.125, "win": 0.1}  # room for what moves a whole training
SEEDS = {"effect": (sim.NORMAL, 0.001, 0.0)}
SINGLE = (  # one look, as a run with looks=1 takes it
    *(digits("independent changes", R, **EVERYWHERE) for R in (5, 10, 30)),
    *(digits("10 % of examples carry all, seeds 0.3", R, **TENTH) for R in (5, 10, 30)),
    *(digits("1.5 % of examples carry all", R, carry=0.015, lose=0.4333, win=0.1) for R in (10, 30)),
    *(digits("the same 0.5 % always lost", R, **ALWAYS) for R in (5, 10, 20, 30)),
    *(digits("99.9 % right, margin 0.1", R, lose=0.001, win=0.0, margin=0.001) for R in (5, 10, 30)),
    *(digits("99.9 % right, always lost, margin 0.1", R, **RARELY) for R in (5, 30)),
    *(mnist("3 % hard, seeds 0.1", R, **SEEDS) for R in (2, 3, 5, 8, 30)),
    *(mnist("0.5 % always lost", R, **ALWAYS) for R in (10, 30)),
    mnist("0.1 % always lost, margin 0.1", 8, **RARELY),
    *(World(name="360 shared, 1 % hard", looks=(R,), n=360, carry=0.01, lose=0.5, win=0.0) for R in (2, 3, 10)),
    *(World(name="360 shared, 0.5 % always lost", looks=(R,), n=360, **ALWAYS) for R in (2, 10)),  # type: ignore[arg-type]
    *(mnist("seeds t(3), 0.3", R, effect=(sim.T3, 0.003, 0.0), **WIDE) for R in (3, 5, 10, 30)),
    *(mnist("seeds t(2), 0.3", R, effect=(sim.T2, 0.003, 0.0), **WIDE) for R in (3, 10, 30)),
    *(mnist("seeds -lognormal(1), 0.2", R, effect=(sim.LOGNORMAL, 0.002, 0.0), **WIDE, mark=TAILS)
      for R in (3, 5, 10, 30)),
    *(mnist("1 of 10 trainings loses 5", R, effect=(sim.COLLAPSE, 0.05, 0.1), **WIDE, mark=TAILS)
      for R in (3, 5, 10, 30)),
    *(mnist("1 of 5 trainings loses 2", R, effect=(sim.COLLAPSE, 0.02, 0.2), **WIDE, mark=TAILS)
      for R in (3, 5, 10, 30)),
    *(mnist("seeds 0.1 and a pool 0.1 for all", R, **SEEDS, common=0.001, mark=POOL) for R in (3, 5, 10, 30)),
)  # fmt: skip
SEQUENTIAL = (  # looks until decided, as the default of a run allows
    digits("10 % carry all", 10, 20, 30, 40, **TENTH),
    digits("10 % carry all", 5, 10, 15, 20, **TENTH),
    digits("the same 0.5 % always lost", 10, 20, 30, 40, **ALWAYS),
    digits("99.9 % right, always lost, margin 0.1", 10, 20, 30, 40, **RARELY),
    mnist("seeds 0.1", 3, 6, 9, 12, **SEEDS),
    mnist("seeds 0.1", 8, 16, 24, 32, **SEEDS),
    mnist("seeds t(3), 0.3", 3, 6, 9, 12, effect=(sim.T3, 0.003, 0.0), **WIDE),
    mnist("seeds -lognormal(1), 0.3", 3, 6, 9, 12, effect=(sim.LOGNORMAL, 0.003, 0.0), **WIDE, mark=TAILS),
    mnist("1 of 10 trainings loses 5", 10, 20, 30, 40, effect=(sim.COLLAPSE, 0.05, 0.1), **WIDE, mark=TAILS),
)  # fmt: skip
AGAIN = (  # more replicates after an UNDECIDED, judged at the full confidence before
    digits("10, then 20", 10, 20, **TENTH, afresh=True),
    digits("10, 20, 30", 10, 20, 30, **TENTH, afresh=True),
    mnist("3, 6, 12, 24", 3, 6, 12, 24, **SEEDS, afresh=True),
)
LAWS = (
    "normal",
    "lognormal, sd 1",
    "Pareto 2.5",
    "0.2 % of examples +5 nats",
    "lognormal, sd 2",
    "Pareto 1.5, no variance",
)
DESIGNS = (
    ("digits", 1797, 5, 10),
    ("digits", 1797, 5, 30),
    ("10,000 shared", 10_000, 1, 3),
    ("10,000 shared", 10_000, 1, 8),
)
LOSS_MARGIN = 0.02


def error(found: Moments) -> NDArray[np.float64]:
    """The two-way standard error of each study and look."""
    return two_way(found[..., REPLICATES], found[..., ITEMS], found[..., CELLS])


def passes(world: World, found: Moments, looks: int, *, floor: bool = True) -> Verdicts:
    """The studies that PASS at one of their looks, (studies,), before one of them says FAIL."""
    confidence = nominal(CONFIDENCE, looks)
    least = null_reach(world.margin, world.n, confidence) if floor else 0.0
    half = np.maximum(t_quantile(confidence, np.array(world.looks[: found.shape[1]]) - 1) * error(found), least)
    above, below = found[..., MEAN] - half > -world.margin, found[..., MEAN] + half < -world.margin
    decided = np.argmax(above | below, axis=1)
    return np.asarray(above[np.arange(len(found)), decided])


def loss_passes(found: Moments, n: int, R: int, *, guarded: bool = True) -> Verdicts:
    """The studies that PASS on added loss, (studies,)."""
    found = found[:, 0]
    quantile = t_quantile(CONFIDENCE, R - 1)
    if not guarded:
        return np.asarray(found[:, MEAN] + quantile * error(found) < LOSS_MARGIN)
    high = found[:, MEAN] + stretched(quantile, found[:, SKEW], n) * error(found)
    return np.asarray((high < LOSS_MARGIN) & ((found[:, SKEW] <= 0) | (carriers(found[:, SKEW], n) >= CARRIERS)))
