"""The gate in worlds that are hard for it, the quick rows of `make gate-worlds`; the simulator beside the product."""

import numpy as np
import pytest

from ticketsmith.lottery.collapse import shared
from ticketsmith.lottery.gate import LOSS, judge, null_reach
from ticketsmith.lottery.metric import ACCURACY
from ticketsmith_runner.bounds import t_quantile
from ticketsmith_runner.statistics import bounded, errors
from ticketsmith_runner.steps.gate import TWO_SIDED

from . import simulator as sim
from .simulator import CELLS, ITEMS, MEAN, REPLICATES, SKEW
from .table import coverage, scans
from .worlds import AGAIN, CONFIDENCE, LOSS_MARGIN, SEQUENTIAL, SINGLE, World, error, loss_passes, passes

STUDIES = 1000
LIMIT = 0.05 + 3 * (0.05 * 0.95 / STUDIES) ** 0.5
"""Three standard errors above 5 %: 7.1 %."""
QUICK = [world for world in (*SINGLE, *SEQUENTIAL, *AGAIN) if not world.mark and world.looks[-1] * world.n <= 80_000]


def name(world: World) -> str:
    return f"{world.name} {world.looks}"


@pytest.mark.parametrize("world", QUICK, ids=name)
def test_a_false_pass_is_as_rare_as_stated(world: World) -> None:
    assert passes(world, world.draw(STUDIES, lost=True), len(world.looks)).mean() <= LIMIT


@pytest.mark.parametrize("world", [w for w in QUICK if "always lost" in w.name and w.margin < 0.005], ids=name)
def test_without_the_floor_it_would_not_be(world: World) -> None:
    """The test above can fail: where nothing was lost the spread that was seen is 0, and every such study passed."""
    found = world.draw(STUDIES, lost=True)
    assert passes(world, found, len(world.looks), floor=False).mean() > LIMIT


@pytest.mark.parametrize("world", AGAIN[:2], ids=name)
def test_more_replicates_judged_anew_at_95_percent_pass_too_often(world: World) -> None:
    found = world.draw(4 * STUDIES, lost=True)
    assert passes(world, found, 1, floor=False).mean() > 0.065 > passes(world, found, len(world.looks)).mean()


@pytest.mark.parametrize(("world", "least"), [(SINGLE[1], 0.95), (SINGLE[4], 0.8), (SEQUENTIAL[0], 0.97)])
def test_a_ticket_like_dense_passes(world: World, least: float) -> None:
    assert passes(world, world.draw(STUDIES, lost=False), len(world.looks)).mean() > least


@pytest.mark.parametrize("law", [sim.EVEN, sim.SKEWED, sim.LONG_TAIL, sim.RARE, sim.HEAVY, sim.NO_VARIANCE])
def test_added_loss_with_a_long_tail_is_stretched_or_refused(law: int) -> None:
    found = np.asarray(sim.losses(1, STUDIES, 10, 1797, 5, law, LOSS_MARGIN))
    assert loss_passes(found, 1797, 10).mean() <= 0.06 + 3 * (0.06 * 0.94 / STUDIES) ** 0.5
    if law >= sim.RARE:
        assert loss_passes(found, 1797, 10, guarded=False).mean() > 0.1


def test_even_losses_cost_no_power() -> None:
    found = np.asarray(sim.losses(1, STUDIES, 10, 1797, 5, sim.EVEN, 0.0))
    assert loss_passes(found, 1797, 10).mean() > 0.95


def test_no_breaking_point_where_nothing_breaks() -> None:
    """Ten levels, each exactly at the margin: one by one some level fails in a tenth of all studies and more."""
    _, _, unsafe, each, together, _ = next(scans(STUDIES))
    assert float(unsafe) <= 100 * LIMIT and float(together) <= 100 * LIMIT < float(each)


@pytest.mark.parametrize(("n", "folds", "R"), [(1797, 5, 10), (1797, 5, 40), (10_000, 1, 3), (10_000, 1, 8)])
def test_an_interval_of_accuracy_holds_it(n: int, folds: int, R: int) -> None:
    now, before = coverage(n, folds, R, STUDIES)
    assert 0.93 <= now <= 0.98 and before < 0.9


def test_a_control_is_called_better_as_rarely_whatever_their_number() -> None:
    """Four controls that are as good as the ticket: some interval lies wholly below 0 in 2.5 % of studies, not in 7."""
    world, controls = SINGLE[4], 4
    found = np.stack([world.draw(STUDIES, lost=False, seed=seed)[:, 0] for seed in range(controls)])

    def better(confidence: float) -> float:
        half = t_quantile(confidence, world.looks[0] - 1) * error(found)
        return float((found[..., MEAN] + half < 0).any(axis=0).mean())

    assert better(shared(TWO_SIDED, controls)) <= 0.025 + 3 * (0.025 / STUDIES) ** 0.5 < better(TWO_SIDED)


def dealt(world: World, seed: int) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """One study, as the gate step sees it, and its moments."""
    R = world.looks[0]
    delta, tested = np.zeros((R, world.n)), np.ones((R, world.n), np.bool_)
    reseed(seed)
    carriers = sim.draw_accuracies(
        delta, tested, world.folds, world.carry, world.lose, world.win, world.effect, world.common
    )
    examples = [np.flatnonzero(row) for row in tested]
    values = [row[which] for row, which in zip(delta, examples, strict=True)]
    return examples, values, np.asarray(sim.moments(delta, tested, carriers))


@sim.njit  # type: ignore[untyped-decorator]
def reseed(seed: int) -> None:
    np.random.seed(seed)


@pytest.mark.parametrize("world", [w for w in QUICK if len(w.looks) == 1][::3], ids=name)
def test_the_simulator_sees_what_the_product_sees(world: World) -> None:
    for seed in range(8):
        examples, values, moments = dealt(world, seed)
        found = errors(examples, values)
        assert found.replicates is not None
        expected = [found.mean, found.replicates, found.items, found.cells, found.skew]
        assert moments[[MEAN, REPLICATES, ITEMS, CELLS, SKEW]] == pytest.approx(expected, rel=1e-9, abs=1e-15)
        least = null_reach(world.margin, found.n, CONFIDENCE)
        status, _ = judge(bounded(found, CONFIDENCE, least), world.margin, CONFIDENCE, ACCURACY)
        assert (status == "PASS") == passes(world, moments[None, None], 1)[0]


@pytest.mark.parametrize("law", [sim.SKEWED, sim.RARE])
def test_the_simulator_judges_loss_as_the_product_does(law: int) -> None:
    delta, tested = np.zeros((10, 400)), np.ones((10, 400), np.bool_)
    for seed in range(8):
        reseed(seed)
        sim.draw_losses(delta, tested, 5, law, LOSS_MARGIN / 2)
        moments = np.asarray(sim.moments(delta, tested, np.arange(400)))
        examples = [np.flatnonzero(row) for row in tested]
        found = errors(examples, [row[which] for row, which in zip(delta, examples, strict=True)])
        status, _ = judge(bounded(found, CONFIDENCE, kind="amount", metric=LOSS), LOSS_MARGIN, CONFIDENCE, LOSS)
        assert (status == "PASS") == loss_passes(moments[None, None], 400, 10)[0]
