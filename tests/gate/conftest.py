"""A gate step with parents that were never trained: records and metrics made by hand, committed to a real ledger."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ticketsmith.documents import canonical
from ticketsmith.ledger import Ledger
from ticketsmith.lottery.results import Density, TrainMetrics, Verdict
from ticketsmith.lottery.steps import Gate, Prune, Train
from ticketsmith.specs import read_spec, run_id, task
from ticketsmith.stores.local import LocalStore
from ticketsmith_runner.context import Context
from ticketsmith_runner.execute import execute
from ticketsmith_runner.tensors import pack

EXAMPLES = [[7, 30, 20, 10, 40, *range(100, 496)], [7, 60, 50, 70, *range(500, 896), -1]]
ROLES = [[1, *[2] * 400], [1, *[2] * 399, 0]]
"""One validation example, then the test fold, which is shorter by one in the second replicate.

Together enough examples to show half a point, and that dense is better than the most frequent class.
"""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """What a fake training left behind. Right everywhere, with loss 0.5, unless said otherwise."""

    wrong: tuple[int, ...] = ()
    """Examples whose prediction is one class too high."""
    examples: list[list[int]] = field(default_factory=lambda: EXAMPLES)
    roles: list[list[int]] = field(default_factory=lambda: ROLES)
    losses: Mapping[int, float] = field(default_factory=dict)
    """Example to its loss in nats."""
    diverged_at: list[int | None] = field(default_factory=lambda: [None, None])


@dataclass(frozen=True)
class Judged:
    """The gate of a fake run, executed."""

    context: Context
    step: Gate

    @property
    def verdict(self) -> Verdict:
        return Verdict.model_validate_json(self.context.ledger.read(self.step, "verdict.json"))


@pytest.fixture
def gate(tmp_path: Path) -> Callable[..., Judged]:
    """`gate(dense, candidate, **rule)`: judge one fake arm against another, in the only look unless there are more."""

    def judged(dense: Arm, candidate: Arm, looks: int = 1, **rule: Any) -> Judged:
        spec = read_spec(None, {"gate": rule, "looks": looks}).model_copy(update={"replicates": len(dense.roles)})
        ledger = Ledger(LocalStore(tmp_path / f"runs-{looks}"), run_id(spec))
        context = Context(spec=spec, task=task(spec.task), ledger=ledger, data_root="")
        trained = Train(cohort=0, level=0, arm="dense", start=0, stop=220)
        mask = Prune(cohort=0, level=1, arm="ticket", trained=trained)
        ticket = Train(cohort=0, level=1, arm="ticket", start=0, stop=220, mask=mask)
        density = Density(kept={"1.weight": 30, "2.weight": 10}, sizes={"1.weight": 80, "2.weight": 20})
        ledger.commit(trained, _artifacts(dense, context))
        ledger.commit(mask, {"density.json": canonical(density.model_dump(mode="json"))})
        ledger.commit(ticket, _artifacts(candidate, context))
        step = Gate(cohort=0, level=1, arm="ticket", dense=trained, candidate=ticket, mask=mask)
        execute(step, context)
        return Judged(context, step)

    return judged


def _artifacts(arm: Arm, context: Context) -> dict[str, bytes]:
    records = _records(arm, context.data.examples.labels.tolist())
    return {"records.safetensors": pack(records), "metrics.json": canonical(_metrics(arm).model_dump(mode="json"))}


def _records(arm: Arm, labels: list[int]) -> dict[str, Tensor]:
    said = [[0 if e < 0 else (labels[e] + (e in arm.wrong)) % 10 for e in row] for row in arm.examples]
    loss = [[arm.losses.get(e, 0.5) for e in row] for row in arm.examples]
    return {
        "example": torch.tensor(arm.examples, dtype=torch.int32),
        "role": torch.tensor(arm.roles, dtype=torch.uint8),
        "prediction": torch.tensor(said, dtype=torch.uint8),
        "confidence": torch.ones(len(said), len(said[0]), dtype=torch.float16),
        "loss": torch.tensor(loss, dtype=torch.float32),
    }


def _metrics(arm: Arm) -> TrainMetrics:
    tested = [
        [e for e, role in zip(row, roles, strict=True) if role == 2]
        for row, roles in zip(arm.examples, arm.roles, strict=True)
    ]
    right = [sum(e not in arm.wrong for e in row) / len(row) for row in tested]
    count = len(tested)
    return TrainMetrics(
        replicates=list(range(count)),
        start=0,
        stop=220,
        looks=[110, 220],
        validation_loss=[[0.5, 0.4]] * count,
        validation_score=[[0.9, 1.0]] * count,
        early_stop_step=[110 * (r + 1) for r in range(count)],
        early_stop_test_score=right,
        test_score=right,
        test_loss=[0.5] * count,
        diverged_at=arm.diverged_at[:count],
    )
