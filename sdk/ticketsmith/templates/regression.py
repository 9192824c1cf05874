"""A number out of two inputs, and a measure of one's own: the error in degrees"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from ticketsmith.task import Metric, Splits

METRIC = Metric(name="error", unit="°C", margin=0.1)  # a ticket may be off by a tenth of a degree more
TRAINING = {"steps": 600, "batch_size": 64, "optimizer": "adam", "learning_rate": 3e-3, "evaluate_every": 50}
DEFAULTS = {"replicates": 5, "training": TRAINING}
Batch = tuple[Tensor, Tensor, Tensor]


def data(root: Path) -> Splits:
    """Your table: weather (N, 4), hour (N, 1) and temperature (N,); these are made up. `root` is --data-root."""
    draws = torch.Generator().manual_seed(0)
    weather, hour = torch.randn(1500, 4, generator=draws), 24 * torch.rand(1500, 1, generator=draws)
    degrees = 12 + 3 * weather[:, 0] * weather[:, 1].tanh() + 5 * (hour[:, 0] / 3.8 - 2).sin()
    return Splits(examples=TensorDataset(weather, hour, degrees), folds=5, validation=150)


class model(nn.Module):
    def __init__(self, hidden: int = 64) -> None:  # an option: --set options.hidden=128
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.head = nn.Linear(hidden, 1)

    def forward(self, weather: Tensor, hour: Tensor) -> Tensor:
        return 12 + 6 * self.head(self.body(torch.cat([weather, hour / 12 - 1], 1)))[:, 0]


def inputs(batch: Batch) -> tuple[Tensor, Tensor]:  # arguments of `model`: positional, or a dict by name
    return batch[0], batch[1]


def loss(model: nn.Module, batch: Batch) -> Tensor:  # (B,), squared degrees: what is descended
    return (model(*inputs(batch)) - batch[2]) ** 2


def score(model: nn.Module, batch: Batch) -> Tensor:  # (B,), degrees: what is judged, in units of METRIC
    return (model(*inputs(batch)) - batch[2]).abs()
