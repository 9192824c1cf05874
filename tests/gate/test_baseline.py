"""Nets that learned nothing prove nothing."""

import numpy as np
import pytest

from ticketsmith.lottery.spec import GateRule
from ticketsmith_runner.baseline import untrained

LABELS = np.arange(1000) % 4
EXAMPLES = [np.arange(1000)] * 4
LOSS = [np.full(1000, 0.1)] * 4


def right(share: float) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [(random.random(1000) < share).astype(float) for _ in EXAMPLES]


@pytest.mark.parametrize(("share", "invalid"), [(0.07, True), (0.25, True), (0.26, True), (0.35, False), (0.98, False)])
def test_dense_must_surely_beat_the_most_frequent_class(share: float, invalid: bool) -> None:
    said = untrained(EXAMPLES, LABELS, right(share), LOSS, GateRule())
    assert (said is not None) == invalid
    if said:
        assert said.startswith("dense reaches ") and "not surely more than the 25.00 % of always answering 0" in said


@pytest.mark.parametrize(("nats", "margin", "invalid"), [(1.5, 0.1, True), (1.5, None, False), (1.2, 0.1, False)])
def test_where_loss_is_judged_dense_must_beat_a_constant(nats: float, margin: float | None, invalid: bool) -> None:
    """Four classes of equal size: a constant has ln 4 = 1.386 nats."""
    random = np.random.default_rng(0)
    loss = [random.normal(nats, 0.2, 1000) for _ in EXAMPLES]
    said = untrained(EXAMPLES, LABELS, right(0.9), loss, GateRule(loss_margin=margin))
    assert (said is not None) == invalid
    if said:
        assert "1.3863" in said


def test_one_replicate_is_held_to_its_mean() -> None:
    assert untrained(EXAMPLES[:1], LABELS, [np.zeros(1000)], LOSS[:1], GateRule()) is not None
    assert untrained(EXAMPLES[:1], LABELS, [np.ones(1000)], LOSS[:1], GateRule()) is None
