"""The plateau of a dense training, reckoned from looks that were made anyhow."""

import pytest

from ticketsmith.lottery.metric import ACCURACY, NATS, Metric
from ticketsmith.lottery.plateau import plateau
from ticketsmith.lottery.results import TrainMetrics


def trained(*scores: list[float | None], looks: tuple[int, ...] = (50, 70, 80, 100)) -> TrainMetrics:
    rows = [*scores]
    return TrainMetrics.model_construct(looks=[*looks], stop=100, validation_score=rows)


@pytest.mark.parametrize(("metric", "turned"), [(NATS, 1), (ACCURACY, -1)])
def test_the_gain_is_that_since_the_last_look_before_the_last_quarter(metric: Metric, turned: int) -> None:
    dense = trained(
        [turned * score for score in (9.0, 2.0, 1.0, 0.5)], [turned * score for score in (9.0, 2.0, 3.0, 1.5)]
    )
    found = plateau(dense, metric, 1.1)
    assert found is not None
    assert (found.after, found.stop, found.gain, found.reached) == (70, 100, 1.0, True)


@pytest.mark.parametrize(("margin", "reached"), [(0.9, False), (1.0, False), (1.1, True)])
def test_a_gain_of_the_margin_is_no_plateau(margin: float, reached: bool) -> None:
    found = plateau(trained([4.0, 2.0, 1.0, 1.0]), NATS, margin)
    assert found is not None and found.reached is reached


def test_a_loss_at_the_end_is_a_plateau() -> None:
    found = plateau(trained([4.0, 2.0, 3.0, 2.5]), NATS, 0.01)
    assert found is not None and found.reached and found.gain == -0.5


def test_what_diverged_is_left_out() -> None:
    found = plateau(trained([4.0, 2.0, None, None], [4.0, 2.0, 1.0, 1.9]), NATS, 0.2)
    assert found is not None and found.gain == pytest.approx(0.1)


@pytest.mark.parametrize(
    "dense", [trained([1.0, 0.5], looks=(80, 100)), trained([4.0, 2.0, None, None]), trained(looks=())]
)
def test_where_nothing_was_seen_nothing_is_said(dense: TrainMetrics) -> None:
    assert plateau(dense, NATS, 0.1) is None


def test_a_score_of_the_whole_set_has_none() -> None:
    whole = NATS.model_copy(update={"whole": "weighted"})
    assert plateau(trained([4.0, 2.0, 1.0, 1.0]), whole, 0.1) is None
