"""Convolutional networks of the literature, for benchmarks: no task of the product has one yet.

    python benchmarks/nets.py

Nothing to run here. LeNet-5 is that of Caffe's examples, which pruning papers use.
Conv-2 is that of the Lottery Ticket Hypothesis paper (figure 2), ResNet-20 that of He et al. 2016,
section 4.2, with parameter-free shortcuts, or with projections as in open_lth.
"""

import argparse

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, relu

from ticketsmith_runner.granularities import granularity
from ticketsmith_runner.masks import ones


def lenet5() -> nn.Module:
    """(B, 1, 28, 28) -> (B, 10); 0.43 M weights."""
    return nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(50 * 4 * 4, 500), nn.ReLU(), nn.Linear(500, 10),
    )  # fmt: skip


def conv2() -> nn.Module:
    """(B, 3, 32, 32) -> (B, 10); 4.3 M weights."""
    return nn.Sequential(
        nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 16 * 16, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10),
    )  # fmt: skip


def resnet20(projected: bool = False) -> nn.Module:
    """(B, 3, 32, 32) -> (B, 10); 0.27 M weights."""
    blocks: list[nn.Module] = []
    for inside, outside in ((16, 16), (16, 32), (32, 64)):
        first = Projected(inside, outside) if projected and inside != outside else Block(inside, outside)
        blocks += [first, Block(outside, outside), Block(outside, outside)]
    stem = (nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def cut(module: nn.Module, sparsity: float, form: str) -> dict[str, Tensor]:
    """Masks of what is largest in each matrix and kernel, by what competes, set on its weights."""
    weights = {name: each for name, each in module.requires_grad_(False).named_parameters() if each.dim() > 1}
    scores = {name: each.abs() for name, each in weights.items()}
    counts = {name: round((1 - sparsity) * each.numel()) for name, each in weights.items()}
    masks = granularity(form).prune(module, scores, ones(scores), counts)
    for name, mask in masks.items():
        weights[name].mul_(mask)
    return masks


class Block(nn.Module):
    """Two convolutions and a shortcut, which halves the image where the channels double."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.stride, self.more = outside // inside, outside - inside
        self.first = nn.Conv2d(inside, outside, 3, self.stride, padding=1, bias=False)
        self.second = nn.Conv2d(outside, outside, 3, padding=1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(outside), nn.BatchNorm2d(outside)])

    def forward(self, inputs: Tensor) -> Tensor:
        inner = self.norms[1](self.second(relu(self.norms[0](self.first(inputs)))))
        return relu(torch.add(inner, self.shortcut(inputs)))

    def shortcut(self, inputs: Tensor) -> Tensor:
        if not self.more:
            return inputs
        return pad(inputs[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))


class Projected(Block):
    """Its shortcut is a convolution."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__(inside, outside)
        self.project = nn.Sequential(nn.Conv2d(inside, outside, 1, self.stride, bias=False), nn.BatchNorm2d(outside))

    def shortcut(self, inputs: Tensor) -> Tensor:
        projected: Tensor = self.project(inputs)
        return projected


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
