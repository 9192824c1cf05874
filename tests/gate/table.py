"""The whole table of worlds: `make gate-worlds`, or `python -m tests.gate.table 1000` for fewer studies.

`before` is the rule without floor, without a stretched bound, and, where a study goes on, judged anew at 95 %; for
intervals, the t interval over replicates; for breaking points, each level by itself.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ticketsmith.lottery.collapse import at_most, shared
from ticketsmith.lottery.gate import null_reach
from ticketsmith_runner.bounds import t_quantile, wilson

from . import simulator as sim
from .simulator import CELLS, ITEMS, MEAN, REPLICATES, Moments
from .wholes import WHOLES
from .wholes import passes as whole_passes
from .worlds import (
    AGAIN,
    CONFIDENCE,
    DESIGNS,
    LAWS,
    LOSS_MARGIN,
    SEEDS,
    SEQUENTIAL,
    SINGLE,
    TENTH,
    Verdicts,
    World,
    error,
    loss_passes,
    passes,
)

GOAL, FAIR = 0.06, (0.93, 0.97)
Row = tuple[str, ...]
TRUTHS = {
    "all ten at the margin": (-0.005,) * 10,
    "0 at four, the margin at six": (0.0,) * 4 + (-0.005,) * 6,
    "linear, the margin at level 6": tuple(-0.005 * min(level, 6) / 6 for level in range(1, 11)),
    "all at -0.45 points, which is safe": (-0.0045,) * 10,
}
"""True changes of ten levels."""


def main(studies: int) -> None:
    """Print every section. Studies are so many a cell, half as many for loss, a tenth for whole test sets."""
    print(f"{studies:,} studies a cell; the standard error of 5 % is {100 * (0.0475 / studies) ** 0.5:.2f} points")
    gate = ("world", "R", "false PASS before", "now", "power before", "now", "power at the first look", "goal 6 %")
    _print("One look", gate, gates(SINGLE, studies))
    _print("Looks until decided, as the default allows", gate, gates(SEQUENTIAL, studies))
    _print("More replicates after an UNDECIDED", gate, gates(AGAIN, studies))
    loss = ("world", "R", "false PASS before", "now", "power before", "now", "goal 6 %")
    _print("Added loss, one look", loss, loss_gates(studies // 2))
    scan = ("truth", "R", "unsafe level in the safe zone", "wrong breaking point before", "now", "goal 6 %")
    _print("Ten levels", scan, scans(studies))
    _print("Intervals of accuracy", ("world", "R", "held before", "now", "goal 93 to 97 %"), coverages(studies))
    whole = ("world", "R", "false PASS", "power", "goal 6 %")
    _print("Scores of a whole test set", whole, wholes(studies // 10))
    _print("Collapses, judged", ("world", "R", "false PASS", "goal 6 %"), collapses(studies))


def gates(worlds: Sequence[World], studies: int) -> Iterator[Row]:
    """False PASS where the margin is lost, and power where nothing is, in %."""
    for world in worlds:
        lost, equal = world.draw(studies, lost=True), world.draw(studies, lost=False, seed=2)
        looks = len(world.looks)
        before = 1 if world.afresh else looks
        was, now = passes(world, lost, before, floor=False).mean(), passes(world, lost, looks).mean()
        power = (
            passes(world, equal, before, floor=False),
            passes(world, equal, looks),
            passes(world, equal[:, :1], looks),
        )
        rates = (was, now, *(each.mean() for each in power))
        yield world.name, "-".join(map(str, world.looks)), *map(_percent, rates), outcome(now, world.mark)


def loss_gates(studies: int) -> Iterator[Row]:
    """The same for added loss."""
    for law, name in enumerate(LAWS):
        for design, n, folds, R in DESIGNS:
            lost, equal = (np.asarray(sim.losses(1, studies, R, n, folds, law, mean)) for mean in (LOSS_MARGIN, 0.0))
            rates = [loss_passes(each, n, R, guarded=on).mean() for each in (lost, equal) for on in (False, True)]
            yield f"{design}, {name}", str(R), *map(_percent, rates), outcome(rates[1])


def scans(studies: int) -> Iterator[Row]:
    """Ten levels of ten replicates, digits-like: what is called safe or broken and is not."""
    for name, truth in TRUTHS.items():
        found = np.stack([_level(number, true, studies) for number, true in enumerate(truth)])
        passed = _beyond(found, CONFIDENCE, above=True)
        safe = np.where(passed.all(0), len(truth), np.argmax(~passed, axis=0))
        unsafe = np.array([(np.array(truth[:count]) < -0.00499).any() for count in safe]).mean()
        each, together = (_beyond(found, c, above=False).any(0).mean() for c in (CONFIDENCE, shared(CONFIDENCE, 10)))
        yield name, "10", *map(_percent, (unsafe, each, together)), outcome(max(unsafe, together))


def coverages(studies: int) -> Iterator[Row]:
    """Coverage of the 95 % interval of an accuracy of 98 %: replicates err on the same examples by 0.7."""
    for name, n, folds, counts in (("digits", 1797, 5, (5, 10, 20, 40)), ("10,000 shared", 10_000, 1, (3, 5, 8, 32))):
        for R in counts:
            now, before = coverage(n, folds, R, studies)
            verdict = "reached" if FAIR[0] <= now <= FAIR[1] else "MISSED, too wide" if now > FAIR[1] else "MISSED"
            yield name, str(R), _percent(before), _percent(now), verdict


def coverage(n: int, folds: int, R: int, studies: int) -> tuple[float, float]:
    """The share of studies whose interval holds the truth: now, and with the t interval over replicates alone."""
    world = World(name="", looks=(R,), n=n, folds=folds, carry=0.0286, lose=0.7, win=0.0, effect=SEEDS["effect"])
    found, truth = world.draw(studies, lost=True)[:, 0], 1 - world.carry * world.lose
    accuracy, variances = 1 + found[:, MEAN], (found[:, REPLICATES], found[:, ITEMS], found[:, CELLS])
    low, high = wilson(accuracy, variances, R, n, 0.95)
    half = t_quantile(0.975, R - 1) * np.sqrt(found[:, REPLICATES])
    return float(((low <= truth) & (truth <= high)).mean()), float((abs(accuracy - truth) <= half).mean())


def collapses(studies: int) -> Iterator[Row]:
    """One training in ten collapses, and `gate.collapse` allows fewer."""
    random = np.random.default_rng(0)
    for R in (30, 40):
        lost = random.binomial(R, 0.1, studies)
        rate = float(np.mean([at_most(int(k), R, CONFIDENCE) <= 0.1 for k in lost]))
        yield "1 of 10 trainings loses 5, gate.collapse.at_most 0.1", str(R), _percent(rate), outcome(rate)


def wholes(studies: int) -> Iterator[Row]:
    """Scores that are no mean over examples."""
    for world in WHOLES:
        wrong, power = whole_passes(world, world.metric.margin, studies), whole_passes(world, 0.0, studies, seed=2)
        yield world.name, str(world.R), _percent(wrong), _percent(power), outcome(wrong)


def outcome(rate: float, mark: str = "") -> str:
    """Say if a rate keeps the goal, or the mark that a report carries where data cannot show it."""
    return "reached" if rate <= GOAL else mark or "MISSED"


def _level(number: int, true: float, studies: int) -> Moments:
    """Moments of one level, (studies, 5), with seeds of its own."""
    lose, looks = 0.03 - 10 * true, np.array([10])
    found = sim.accuracies(7 + number, studies, looks, 1797, 5, 0.1, lose, 0.03, TENTH["effect"], 0.0)
    return np.asarray(found)[:, 0]


def _beyond(found: Moments, confidence: float, *, above: bool) -> Verdicts:
    half = np.maximum(t_quantile(confidence, 9) * error(found), null_reach(0.005, 1797, confidence))
    return np.asarray(found[..., MEAN] - half > -0.005 if above else found[..., MEAN] + half < -0.005)


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f}"


def _print(title: str, heads: Row, rows: Iterable[Row]) -> None:
    print(f"\n### {title}\n\n| {' | '.join(heads)} |\n|{' --- |' * len(heads)}")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
