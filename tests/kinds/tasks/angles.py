"""A regression on two inputs whose measure is the error in degrees: the lower the better"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from ticketsmith.task import Metric, Splits

METRIC = Metric(name="error", unit="degrees", scale=180 / torch.pi, margin=0.05)
DEFAULTS = {"replicates": 2}


class Two(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.left, self.right, self.head = nn.Linear(1, width), nn.Linear(1, width), nn.Linear(width, 1)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.head((self.left(x) + self.right(y)).relu()).squeeze(1)


def data(root: Path) -> Splits:
    x, y = torch.rand(2, 60, 1, generator=torch.Generator().manual_seed(0)) + 0.1
    return Splits(examples=TensorDataset(x, y, torch.atan2(y, x).squeeze(1)), test=range(40, 60), validation=10)


def model(width: int = 8) -> nn.Module:
    return Two(width)


def inputs(batch: Any) -> tuple[Tensor, Tensor]:
    return batch[0], batch[1]


def loss(model: nn.Module, batch: Any) -> Tensor:
    """One number for a batch: `score` has one for each example."""
    return ((model(*inputs(batch)) - batch[2]) ** 2).mean()


def score(model: nn.Module, batch: Any) -> Tensor:
    return (model(*inputs(batch)) - batch[2]).abs()
