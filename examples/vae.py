"""A VAE on images of 8 x 8 bits: the bound in nats, with noise from torch's stream; samples are images"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import TensorDataset

from ticketsmith.task import NATS, Splits

METRIC = NATS
DEFAULTS = {"replicates": 5, "training": {"steps": 1000, "batch_size": 32, "optimizer": "adam", "learning_rate": 1e-3}}


def data(root: Path) -> Splits:
    """Horizontal and vertical bars, drawn anew: `root` is not looked at."""
    bars = torch.rand(400, 8, 1, generator=torch.Generator().manual_seed(0)).round().expand(400, 8, 8)
    images = torch.cat([bars[:200], bars[200:].transpose(1, 2)])
    return Splits(examples=TensorDataset(images.flatten(1)), folds=5, validation=40)


class model(nn.Module):
    def __init__(self, hidden: int = 64, code: int = 4) -> None:
        super().__init__()
        self.code = code
        self.down = nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 2 * code))
        self.up = nn.Sequential(nn.Linear(code, hidden), nn.ReLU(), nn.Linear(hidden, 64))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, spread = self.down(images).chunk(2, 1)
        return self.up(mean + torch.randn_like(mean) * (spread / 2).exp()), mean, spread


def loss(model: nn.Module, batch: Any) -> Tensor:
    logits, mean, spread = model(batch[0])
    wrong = binary_cross_entropy_with_logits(logits, batch[0], reduction="none").sum(1)
    return wrong + 0.5 * (mean**2 + spread.exp() - 1 - spread).sum(1)


def sample(model: Any, generator: torch.Generator) -> list[Tensor]:
    return list(model.up(torch.randn(4, model.code, generator=generator)).sigmoid().reshape(4, 1, 8, 8))
