"""Items that are dicts of unequal length, a batch that is one too, and an answer that is a record"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from ticketsmith.task import ACCURACY

METRIC, DEFAULTS = ACCURACY, {"replicates": 2}


@dataclass
class Answer:
    logits: Tensor
    hidden: Tensor


class Reader(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.table, self.body, self.head = nn.Embedding(12, width), nn.Linear(width, width), nn.Linear(width, 2)

    def forward(self, *, input_ids: Tensor, attention_mask: Tensor) -> Answer:
        kept = attention_mask.unsqueeze(2).float()
        hidden = (self.body(self.table(input_ids)).relu() * kept).sum(1) / kept.sum(1)
        return Answer(logits=self.head(hidden), hidden=hidden)


def data(root: Path) -> dict[str, list[dict[str, Any]]]:
    """Sentences of two to five tokens; even tokens are one class, odd ones the other."""
    whole = [{"tokens": [2 * (n % 5) + n % 2 + 1] * (2 + n % 4), "about": n % 2} for n in range(60)]
    return {"train": whole[:30], "validation": whole[30:40], "test": whole[40:]}


def collate(examples: list[dict[str, Any]]) -> dict[str, Tensor]:
    longest = max(len(example["tokens"]) for example in examples)
    rows = [pad(torch.tensor(e["tokens"]), (0, longest - len(e["tokens"]))) for e in examples]
    tokens = torch.stack(rows)
    about = torch.tensor([example["about"] for example in examples])
    return {"input_ids": tokens, "attention_mask": (tokens > 0).long(), "about": about}


def inputs(batch: Any) -> dict[str, Tensor]:
    return {name: batch[name] for name in ("input_ids", "attention_mask")}


def model(width: int = 8) -> nn.Module:
    return Reader(width)


def loss(model: nn.Module, batch: Any) -> Tensor:
    return cross_entropy(model(**inputs(batch)).logits, batch["about"], reduction="none")


def score(model: nn.Module, batch: Any) -> Tensor:
    return (model(**inputs(batch)).logits.argmax(1) == batch["about"]).float()
