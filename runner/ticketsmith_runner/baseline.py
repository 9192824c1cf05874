"""The answer that dense must surely beat: the task's own, that of no network where there are classes, or untrained."""

from dataclasses import replace
from math import isfinite
from statistics import fmean

import numpy as np

from ticketsmith.lottery.metric import Metric
from ticketsmith.lottery.results import Baseline

from .arms import Arm
from .judgement import gain, mean
from .learning import NOTHING, surely
from .objectives import frequencies, whole

OWN = "baseline"
"""Column of the scores of the task's own best answer without a network."""


def unlearned(dense: Arm, metric: Metric, confidence: float, *, loss: bool) -> str | None:
    """A sentence if dense is not surely better than an answer that takes no training; None if it is, or unknown."""
    if metric.whole is None and dense.columns.keys() >= frequencies.NEEDED and OWN not in dense.columns:
        return frequencies.unlearned(dense, confidence, loss=loss)
    if (answer := _answer(dense, metric)) is None:
        return None
    name, other = answer
    if not all(np.isfinite(row).all() for arm in (dense, other) for row in arm.on_test("score")):
        return None  # any finite score is better; and what diverged is said elsewhere
    if surely(gain(other, dense, metric), confidence, -metric.harm(1.0)):
        return None
    new, old = (f"{metric.scale * mean(arm, metric).mean:.{metric.decimals}f}" for arm in (dense, other))
    reached = f"{new} {metric.unit}".rstrip()
    return f"dense reaches {reached}, which is not surely better than the {old} of {name}: {NOTHING}"


def baseline(dense: Arm, metric: Metric) -> Baseline | None:
    """The task's own best answer without a network, where it names one."""
    if OWN not in dense.columns or metric.whole is not None:
        return None
    score = fmean(float(row.mean()) for row in dense.on_test(OWN))
    return Baseline(name=dense.metrics.baseline, score=score) if isfinite(score) else None


def _answer(dense: Arm, metric: Metric) -> tuple[str, Arm] | None:
    """Name and records of the best answer that takes no training, on the same examples."""
    columns = dense.columns
    if OWN in columns and metric.whole != "f1":  # which is made of predictions, not of scores
        return dense.metrics.baseline, replace(dense, columns={**columns, "score": columns[OWN]})
    if metric.whole in ("f1", "auc"):
        column, value, name = whole.constant(metric, dense.distinct)
        return name, replace(dense, columns={**columns, column: np.full_like(columns[column], value)})
    if "untrained" not in columns:
        return None
    return "the untrained network", replace(dense, columns={**columns, "score": columns["untrained"]})
