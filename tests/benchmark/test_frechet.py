"""`benchmarks/frechet.py`: the distance is that of normal distributions, and a network tells turns apart."""

import sys
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(BENCHMARKS)])


def test_the_distance_has_the_closed_form_of_normal_distributions() -> None:
    """Means 3 and 4 apart give 25; deviations of 1 and 2 in each of three directions give 3 more."""
    from frechet import frechet

    x = torch.randn(20_000, 3, generator=torch.Generator().manual_seed(0))
    assert frechet(x, x) == pytest.approx(0, abs=1e-6)
    assert frechet(x, x + torch.tensor([3.0, 0.0, 4.0])) == pytest.approx(25, rel=1e-6)
    assert frechet(x, 2 * (x - x.mean(0)) + x.mean(0)) == pytest.approx(3, rel=0.05)


def test_features_see_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    import frechet

    monkeypatch.setattr(frechet, "UPDATES", 60)
    bar = torch.zeros(1, 8, 8)
    bar[:, 0] = 1
    images = bar + 0.1 * torch.randn(64, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    seen = frechet.observer(images)
    turned = [frechet.frechet(seen(images), seen(images.rot90(turn, (2, 3)))) for turn in (0, 1)]
    assert turned[1] > 10 * turned[0] + 0.01
