"""A dense network that learned nothing proves nothing, however equal a ticket is to it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ticketsmith.lottery.spec import GateRule

from .bounds import Floats, degrees, t_quantile, two_way
from .statistics import errors

Labels = NDArray[np.int64]  # or numbers of examples


def untrained(
    examples: Sequence[NDArray[np.int64]],
    labels: Labels,
    right: Sequence[Floats],
    loss: Sequence[Floats],
    rule: GateRule,
) -> str | None:
    """A sentence if dense is not surely better than an answer that needs no network; None if it is.

    `labels` are (N,), of all examples; `right` and `loss` are those of dense on each replicate's test split. The
    answers to beat are the most frequent class and, where loss is judged, the frequencies of the classes.
    """
    truth = [labels[example] for example in examples]
    counts = np.bincount(labels[np.unique(np.concatenate(examples))])
    most, shares = int(counts.argmax()), counts / counts.sum()
    won = [score - (label == most) for score, label in zip(right, truth, strict=True)]
    if not _surely(won, examples, rule.confidence):
        reached = 100 * float(np.mean([score.mean() for score in right]))
        return (
            f"dense reaches {reached:.2f} %, which is not surely more than the {100 * shares[most]:.2f} % of always "
            f"answering {most}: nets that learned nothing prove nothing"
        )
    if rule.loss_margin is not None:
        saved = [-np.log(shares[label]) - nats for label, nats in zip(truth, loss, strict=True)]
        if not _surely(saved, examples, rule.confidence):
            constant = -float((shares[shares > 0] * np.log(shares[shares > 0])).sum())
            reached = float(np.mean([nats.mean() for nats in loss]))
            return (
                f"dense reaches a loss of {reached:.4f} nats, which is not surely less than the {constant:.4f} of "
                "always answering the frequencies of the classes: nets that learned nothing prove nothing"
            )
    return None


def _surely(gains: Sequence[Floats], examples: Sequence[Labels], confidence: float) -> bool:
    """True if the mean gain lies above 0 by its lower bound or, where one replicate gives none, by itself.

    Few replicates may be enough: what examples they were tested on counts most, and those are many.
    """
    gain = errors(examples, gains)
    if gain.replicates is None:
        return gain.mean > 0
    variances = gain.replicates, gain.items, gain.cells
    return gain.mean > float(t_quantile(confidence, degrees(variances, gain.R, gain.n)) * two_way(*variances))
