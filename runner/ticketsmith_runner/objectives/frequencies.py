"""Answers that need no network: the most frequent class, and the frequencies of the classes."""

import numpy as np

from ..arms import Arm
from ..bounds import Floats
from ..columns import Numbers, numbers
from ..learning import NOTHING, surely
from ..statistics import errors

NEEDED = {"prediction", "label"}


def unlearned(dense: Arm, confidence: float, *, loss: bool) -> str | None:
    """A sentence if dense is not surely better than the most frequent class; None if it is.

    Where `loss` is judged, it must be surely better than the frequencies of the classes as well.
    """
    truth, examples = numbers(dense.columns, "label"), np.concatenate(dense.examples)
    right = [prediction == label for prediction, label in zip(numbers(dense.columns, "prediction"), truth, strict=True)]
    _, first = np.unique(examples, return_index=True)
    counts = np.bincount(np.concatenate(truth)[first])
    most, shares = int(counts.argmax()), counts / counts.sum()
    won = [score.astype(np.float64) - (label == most) for score, label in zip(right, truth, strict=True)]
    if not surely(errors(dense.examples, won, dense.groups), confidence):
        reached = 100 * float(np.mean([score.mean() for score in right]))
        return (
            f"dense reaches {reached:.2f} %, which is not surely more than the {100 * shares[most]:.2f} % of always "
            f"answering {most}: {NOTHING}"
        )
    return _of_loss(dense, truth, shares, confidence) if loss else None


def _of_loss(dense: Arm, truth: list[Numbers], shares: Floats, confidence: float) -> str | None:
    losses = dense.on_test("loss")
    saved = [-np.log(shares[label]) - nats for label, nats in zip(truth, losses, strict=True)]
    if surely(errors(dense.examples, saved, dense.groups), confidence):
        return None
    constant = -float((shares[shares > 0] * np.log(shares[shares > 0])).sum())
    reached = float(np.mean([nats.mean() for nats in losses]))
    return (
        f"dense reaches a loss of {reached:.4f} nats, which is not surely less than the {constant:.4f} of "
        f"always answering the frequencies of the classes: {NOTHING}"
    )
