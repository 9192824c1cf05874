"""A variational autoencoder: a bound on the nats of an image, and images that it makes up"""

from pathlib import Path

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy
from torch.utils.data import TensorDataset

from ticketsmith.task import Metric, Splits

METRIC, SIDE, CODE = Metric(name="bound", unit="nats", margin=0.3), 8, 6
TRAINING = {"steps": 600, "batch_size": 32, "optimizer": "adam", "learning_rate": 2e-3, "evaluate_every": 50}
DEFAULTS = {"replicates": 4, "training": TRAINING}


def data(root: Path) -> Splits:
    """Your images (N, SIDE * SIDE) in [0, 1], in memory; these are bars, made up. `root` is --data-root."""
    bars = torch.rand(1200, 2, SIDE, generator=torch.Generator().manual_seed(0)) < 0.25
    images = (bars[:, 0, :, None] | bars[:, 1, None, :]).flatten(1).float().unique(dim=0)  # none twice
    return Splits(examples=TensorDataset(images), folds=4, validation=60)


class model(nn.Module):
    def __init__(self, hidden: int = 64) -> None:  # an option: --set options.hidden=128
        super().__init__()
        self.down = nn.Sequential(nn.Linear(SIDE * SIDE, hidden), nn.ReLU(), nn.Linear(hidden, 2 * CODE))
        self.up = nn.Sequential(nn.Linear(CODE, hidden), nn.ReLU(), nn.Linear(hidden, SIDE * SIDE))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, spread = self.down(images).chunk(2, 1)
        noise = torch.randn_like(mean)  # from torch's own stream, which is begun anew for each update
        return self.up(mean + noise * (spread / 2).exp()), mean, spread


def loss(model: nn.Module, batch: tuple[Tensor]) -> Tensor:
    """A number for each image, (B,). It is the metric too, as there is no `score`."""
    logits, mean, spread = model(batch[0])
    apart = 0.5 * (mean**2 + spread.exp() - 1 - spread).sum(1)
    return cross_entropy(logits, batch[0], reduction="none").sum(1) + apart


def sample(model: nn.Module, generator: Generator) -> list[Tensor]:
    """Images (1, SIDE, SIDE) in [0, 1]: the report shows those of dense and ticket side by side."""
    return list(model.up(torch.randn(6, CODE, generator=generator)).sigmoid().reshape(6, 1, SIDE, SIDE))
