"""A gate step with parents that were never trained: records and metrics made by hand, committed to a real ledger."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save

from ticketsmith.documents import canonical
from ticketsmith.ledger import Ledger
from ticketsmith.lottery.metric import ACCURACY, Metric
from ticketsmith.lottery.results import Density, TrainMetrics, Verdict
from ticketsmith.lottery.steps import Gate, Prune, Train
from ticketsmith.specs import read_spec
from ticketsmith.stores.local import LocalStore
from ticketsmith_runner.steps.gate import verdict

EXAMPLES = [[7, 30, 20, 10, 40, *range(100, 496)], [7, 60, 50, 70, *range(500, 896), -1]]
ROLES = [[1, *[2] * 400], [1, *[2] * 399, 0]]
"""One validation example, then the test fold, which is shorter by one in the second replicate.

Together enough examples to show half a point, and that dense is better than the most frequent class.
"""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A fake training. Right everywhere, with loss 0.5, unless said otherwise."""

    wrong: tuple[int, ...] = ()
    """Examples whose prediction is one class too high."""
    examples: list[list[int]] = field(default_factory=lambda: EXAMPLES)
    roles: list[list[int]] = field(default_factory=lambda: ROLES)
    losses: Mapping[int, float] = field(default_factory=dict)
    """Example to its loss in nats."""
    diverged_at: list[int | None] = field(default_factory=lambda: [None, None])
    scores: Callable[[int], float] | None = None
    """Score of an example, of another metric than accuracy: then there are no classes."""
    binary: bool = False
    """True: a label all the same, which is that an example is odd."""
    untrained: Callable[[int], float] | None = None
    """Score of the untrained network."""
    group: Callable[[int], int] | None = None


@pytest.fixture
def gate(tmp_path: Path) -> Callable[..., Verdict]:
    """`gate(dense, candidate, **rule)`: judge one fake arm against another, in the only look unless there are more."""

    def judged(
        dense: Arm, candidate: Arm, looks: int = 1, metric: Metric = ACCURACY, most: int | None = None, **rule: Any
    ) -> Verdict:
        spec = read_spec(None, {"gate": rule, "looks": looks})
        spec = spec.model_copy(update={"replicates": len(dense.roles), "max_replicates": most})
        ledger = Ledger(LocalStore(tmp_path / f"runs-{looks}"), "fake-0123456789ab")
        trained = Train(cohort=0, level=0, arm="dense", start=0, stop=220)
        mask = Prune(cohort=0, level=1, arm="ticket", trained=trained)
        ticket = Train(cohort=0, level=1, arm="ticket", start=0, stop=220, mask=mask)
        density = Density(kept={"1.weight": 30, "2.weight": 10}, sizes={"1.weight": 80, "2.weight": 20})
        ledger.commit(trained, _artifacts(dense))
        ledger.commit(mask, {"density.json": canonical(density.model_dump(mode="json"))})
        ledger.commit(ticket, _artifacts(candidate))
        step = Gate(cohort=0, level=1, arm="ticket", dense=trained, candidate=ticket, mask=mask)
        return verdict(step, spec, ledger, metric)

    return judged


def _artifacts(arm: Arm) -> dict[str, bytes]:
    columns = _columns(arm)
    metrics = canonical(_metrics(arm, columns).model_dump(mode="json"))
    return {"records.safetensors": save(columns), "metrics.json": metrics}


def _columns(arm: Arm) -> dict[str, NDArray[Any]]:
    """Ten classes, by the last digit of an example."""
    columns = {
        "example": _column(arm, np.int32, lambda e: e),
        "role": np.array(arm.roles, np.uint8),
        "loss": _column(arm, np.float32, lambda e: arm.losses.get(e, 0.5)),
        "score": _column(arm, np.float32, arm.scores or (lambda e: e not in arm.wrong)),
    }
    if arm.scores is None:
        columns |= {
            "prediction": _column(arm, np.uint8, lambda e: (e + (e in arm.wrong)) % 10),
            "confidence": _column(arm, np.float16, lambda e: 1),
            "label": _column(arm, np.uint8, lambda e: e % 10),
        }
    if arm.binary:
        columns["label"] = _column(arm, np.uint8, lambda e: e % 2)
    if arm.untrained:
        columns["untrained"] = _column(arm, np.float32, arm.untrained)
    if arm.group:
        columns["group"] = _column(arm, np.int32, arm.group)
    return columns


def _column(arm: Arm, kind: type[np.generic], value: Callable[[int], Any]) -> NDArray[Any]:
    return np.array([[value(e) for e in row] for row in arm.examples], kind)


def _metrics(arm: Arm, columns: Mapping[str, NDArray[Any]]) -> TrainMetrics:
    rows = zip(columns["score"], columns["role"], strict=True)
    scores = [float(np.nanmean(row[role == 2], dtype=np.float64)) for row, role in rows]
    count = len(scores)
    return TrainMetrics(
        replicates=list(range(count)),
        start=0,
        stop=220,
        looks=[110, 220],
        validation_loss=[[0.5, 0.4]] * count,
        validation_score=[[0.9, 1.0]] * count,
        early_stop_step=[110 * (r + 1) for r in range(count)],
        early_stop_test_score=scores,
        test_score=scores,
        test_loss=[0.5] * count,
        diverged_at=arm.diverged_at[:count],
    )
