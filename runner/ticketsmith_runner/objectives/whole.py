"""Scores of a whole test set, as functions of how much each example weighs: what a bootstrap draws is other weights.

B: draws.  n: test examples of a replicate.  Weights are whole numbers, (n, B), and so are all sums, below 2^53: exact
in float64, and the same on every machine. F1 and AUC are those of scikit-learn, at equal weights.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ticketsmith.errors import UsageError
from ticketsmith.lottery.metric import Metric

from ..bootstrap import HEAVY, Scorer, Weights
from ..bounds import Floats

Columns = Mapping[str, NDArray[Any]]
"""Columns of one replicate, (n,)."""
NEEDED = {"f1": ("prediction", "label"), "auc": ("score", "label"), "weighted": ("score", "weight")}
BITS = 53  # of a sum


def whole(metric: Metric, columns: Columns) -> float:
    """The score of a test set. Raises UsageError where columns are missing, or say nothing.

    >>> from ticketsmith.lottery.metric import ACCURACY
    >>> perplexity = ACCURACY.model_copy(update={"whole": "weighted"})
    >>> whole(perplexity, {"score": np.array([1.0, 2.0]), "weight": np.array([3, 1])})
    1.25
    """
    score = scorer(metric, columns)
    return float(score(np.ones((len(next(iter(columns.values()))), 1)))[0])


def scorer(metric: Metric, columns: Columns) -> Scorer:
    """The score of a test set by the weights of its examples."""
    complete(metric, columns)
    assert metric.whole is not None
    make: dict[str, Callable[[Columns], Scorer]] = {"f1": _f1, "auc": _auc, "weighted": _weighted}
    return make[metric.whole](columns)


def complete(metric: Metric, names: Collection[str]) -> None:
    """Raises UsageError where a column is missing that the score of a test set is made of."""
    needed = NEEDED[metric.whole] if metric.whole else ()
    if missing := [name for name in needed if name not in names]:
        raise UsageError(
            f"{metric.name}: {metric.whole} is made of {' and '.join(needed)}, and the records have no "
            f"{' and '.join(missing)}",
            f"return {', '.join(missing)} from `record`",
        )


def differences(metric: Metric, those: Sequence[Columns], these: Sequence[Columns]) -> list[Scorer]:
    """The scores of some test sets minus those of others, by the weights of the examples that both share."""
    pairs = [(scorer(metric, one), scorer(metric, other)) for one, other in zip(those, these, strict=True)]
    return [lambda weights, pair=pair: pair[0](weights) - pair[1](weights) for pair in pairs]  # type: ignore[misc]


def constant(metric: Metric, columns: Columns) -> tuple[str, float, str]:
    """The best answer that is the same for every example: its column, value and name."""
    if metric.whole == "auc":
        return "score", 0.0, "one score for all"
    alike = {number: np.full_like(columns["label"], number) for number in np.unique(columns["label"]).tolist()}
    best = max(alike, key=lambda number: whole(metric, {**columns, "prediction": alike[number]}))
    return "prediction", best, f"always answering {best}"


def evidence(metric: Metric, columns: Columns) -> int | None:
    """Examples that can show a loss at all: those of the rarest class, in which it may lie; None for no classes."""
    if metric.whole == "weighted":
        return None
    _, counts = np.unique(columns["label"], return_counts=True)
    if metric.whole == "auc":
        return int(counts.min())
    return int(np.count_nonzero(columns["label"] == 1)) if _binary(columns) else int(counts.min() * len(counts))


def _weighted(columns: Columns) -> Scorer:
    """Sum of score times weight over the sum of weights: perplexity by token."""
    weight = columns["weight"].astype(np.float64)
    if not (weight >= 0).all() or not weight.any():
        raise UsageError("weight: expected numbers of 0 or more, and some above 0", "correct what `record` returns")
    (products, unit), (weights, other) = (_fixed(column) for column in (columns["score"] * weight, weight))
    return lambda draws: np.asarray((products @ draws) / unit / ((weights @ draws) / other), dtype=np.float64)


def _fixed(column: Floats) -> tuple[Floats, float]:
    """A column as whole numbers of a unit, and how many units are 1: a power of two."""
    largest = float(np.abs(column).max()) or 1.0
    unit = 2.0 ** (BITS - int(np.ceil(np.log2(largest))) - int(np.ceil(np.log2(HEAVY * len(column)))))
    return np.rint(column * unit), unit


def _f1(columns: Columns) -> Scorer:
    """F1 of class 1, where there are two; else the mean over classes."""
    predictions, true = columns["prediction"].astype(np.int64), columns["label"].astype(np.int64)
    classes = np.array([1]) if _binary(columns) else np.union1d(predictions, true)
    of_predictions, of_true = ((classes[:, None] == column).astype(np.float64) for column in (predictions, true))
    counts = np.concatenate([of_predictions * of_true, of_predictions + of_true])

    def score(draws: Weights) -> Floats:
        both, either = np.split(counts @ draws, 2)
        return np.asarray((2 * both / np.maximum(either, 1)).mean(axis=0), dtype=np.float64)

    return score


def _binary(columns: Columns) -> bool:
    return max(int(columns["prediction"].max()), int(columns["label"].max())) <= 1


def _auc(columns: Columns) -> Scorer:
    """Chance that an example of class 1 scores above one of class 0; a tie is half of one."""
    positive = columns["label"] == 1
    if positive.all() or not positive.any():
        raise UsageError(
            "AUC needs examples of both classes in every test split, and one has a single class",
            "take fewer folds, or a fixed test split",
        )
    above, below = np.flatnonzero(positive), np.flatnonzero(~positive)
    below = below[np.argsort(columns["score"][below], kind="stable")]
    ends = [np.searchsorted(columns["score"][below], columns["score"][above], side) for side in ("left", "right")]

    def score(draws: Weights) -> Floats:
        up, down = draws[above], np.cumsum(np.concatenate([np.zeros((1, draws.shape[1])), draws[below]]), axis=0)
        won = sum(np.einsum("ij,ij->j", up, down[end]) for end in ends)
        return np.asarray(won / (2 * up.sum(axis=0) * down[-1]), dtype=np.float64)

    return score
