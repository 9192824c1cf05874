"""Tokens, and a network whose head is its table of embeddings"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import TensorDataset

from ticketsmith.task import BITS, Splits

METRIC, DEFAULTS = BITS, {"replicates": 2}


def data(root: Path) -> Splits:
    tokens = torch.arange(60)[:, None] + torch.arange(6)
    return Splits(examples=TensorDataset(tokens % 11), test=range(40, 60), validation=10)


class Words(nn.Module):
    def __init__(self, named: str) -> None:
        super().__init__()
        self.named = named
        self.table, self.body, self.head = nn.Embedding(11, 8), nn.Linear(8, 8), nn.Linear(8, 11, bias=False)
        self.head.weight = self.table.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.body(self.table(tokens)))


def model(named: str = "body.weight") -> nn.Module:
    return Words(named)


def prunable(model: Any) -> list[str]:
    return ["body.weight", model.named]


def loss(model: nn.Module, batch: Any) -> Tensor:
    (tokens,) = batch
    return cross_entropy(model(tokens[:, :-1]).transpose(1, 2), tokens[:, 1:], reduction="none").mean(1)
