"""Classification of single examples: batches are (inputs, classes), networks answer with logits (B, C).

    from ticketsmith_runner.objectives.classification import loss, record, score

A task that takes all three is trained by csr-mlp and dense-mlp where its network is a chain: they know these alone.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

SMALL = 256  # classes whose numbers fit into a byte


def loss(model: nn.Module, batch: Any) -> Tensor:
    """Cross-entropy of each example in nats, (B,)."""
    return cross_entropy(model(batch[0]), batch[1], reduction="none")


def score(model: nn.Module, batch: Any) -> Tensor:
    """1 where the largest logit is that of the class, 0 elsewhere, (B,)."""
    right: Tensor = model(batch[0]).max(1).indices == batch[1]
    return right.float()


def record(model: nn.Module, batch: Any) -> dict[str, Tensor]:
    """`prediction` and `label` as uint8 (uint16 beyond 256 classes), `confidence` as fp16, each (B,)."""
    logits = model(batch[0])
    confidence, prediction = logits.softmax(1).max(1)
    numbers = torch.uint8 if logits.shape[1] <= SMALL else torch.uint16
    return {
        "prediction": prediction.to(numbers),
        "label": batch[1].to(numbers),
        "confidence": confidence.to(torch.float16),
    }
