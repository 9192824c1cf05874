"""Small colour images of two classes, and one network of each kind"""

import random
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, relu
from torch.utils.data import TensorDataset

from ticketsmith.task import ACCURACY as METRIC
from ticketsmith.task import Splits
from ticketsmith_runner.objectives.classification import loss, record, score

__all__ = ["DEFAULTS", "METRIC", "data", "loss", "model", "record", "score"]
DEFAULTS = {"replicates": 2}


def data(root: Path) -> Splits:
    stream = torch.Generator().manual_seed(0)
    images, classes = torch.rand(60, 3, 6, 6, generator=stream), torch.arange(60) % 2
    images[classes == 1, 0] += 0.5
    return Splits(examples=TensorDataset(images, classes), test=range(40, 60), validation=10)


def model(kind: str = "batchnorm") -> nn.Module:
    network: nn.Module = KINDS[kind]()
    return network


def convolved(norm: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), norm, nn.ReLU(), nn.Flatten(), nn.Linear(64, 2))


class Viewed(nn.Module):
    """Takes a `view` of what a convolution gives, as most networks of tutorials do."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(64, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(relu(self.norm(self.conv(x))).view(x.shape[0], -1))


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention, self.norm = nn.MultiheadAttention(18, 2, batch_first=True), nn.LayerNorm(18)
        self.head = nn.Linear(18, 2)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(len(x), 6, 18)
        return self.head(self.norm(rows + self.attention(rows, rows, rows)[0]).mean(1))


class Frozen(nn.Module):
    """A first layer and a table of places that are as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.fixed, self.place = nn.Linear(108, 12).requires_grad_(False), nn.Parameter(torch.rand(12), False)
        self.body, self.head = nn.Linear(12, 12), nn.Linear(12, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(relu(self.body(self.fixed(x.flatten(1)) + self.place)))


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.spare, self.head = nn.Linear(108, 12), nn.Linear(12, 12), nn.Linear(12, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(relu(self.body(x.flatten(1))))


class Tied(nn.Module):
    """One weight in two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.first, self.second = nn.Linear(108, 12), nn.Linear(12, 12), nn.Linear(12, 12)
        self.second.weight = self.first.weight
        self.head = nn.Linear(12, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(relu(self.first(relu(self.body(x.flatten(1)))))))


class Dropped(nn.Module):
    """Dropout without a module."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(108, 12), nn.Linear(12, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(dropout(relu(self.body(x.flatten(1))), 0.5, self.training))


class Skipped(Dropped):
    """Stochastic depth by Python's own generator."""

    def forward(self, x: Tensor) -> Tensor:
        hidden = relu(self.body(x.flatten(1)))
        return self.head(2 * hidden if self.training and random.random() < 0.5 else hidden)


class Read(Dropped):
    """A decision that a stack cannot make: each replicate has its own."""

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.body(x.flatten(1))
        return self.head(hidden if hidden.mean().item() > 0 else -hidden)


class Kept(Dropped):
    """Keeps what it made in its first pass."""

    ones: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        hidden = relu(self.body(x.flatten(1)))
        if self.ones is None:
            self.ones = torch.ones(12)
        return self.head(hidden * self.ones)


class Strange(Dropped):
    """Draws from a generator of its own."""

    stream = torch.Generator().manual_seed(0)

    def __init__(self) -> None:
        super().__init__()
        nn.init.normal_(self.body.weight, generator=self.stream)


BODY = nn.Linear(108, 12)
KINDS = {
    "batchnorm": lambda: convolved(nn.BatchNorm2d(4)),
    "cumulative": lambda: convolved(nn.BatchNorm2d(4, momentum=None)),
    "groupnorm": lambda: convolved(nn.GroupNorm(2, 4)),
    "layernorm": lambda: convolved(nn.LayerNorm([4, 4, 4])),
    "chain": lambda: nn.Sequential(nn.Flatten(), nn.Linear(108, 12), nn.ReLU(), nn.Linear(12, 2)),
    "layer of dropout": lambda: nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(108, 2)),
    "lazy": lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(2)),
    "of one body": lambda: nn.Sequential(nn.Flatten(), BODY, nn.ReLU(), nn.Linear(12, 2)),
    "nothing to prune": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(3)),
    "viewed": Viewed,
    "attention": Attention,
    "frozen": Frozen,
    "unused": Unused,
    "tied": Tied,
    "dropped": Dropped,
    "skipped": Skipped,
    "read": Read,
    "kept": Kept,
    "strange": Strange,
}
