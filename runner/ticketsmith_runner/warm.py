"""Compiles the training step of `csr-mlp` on random numbers, so that no pod has to: run while an image is built.

python -P -m ticketsmith_runner.warm
"""

import torch
from torch import nn

from ticketsmith.lottery.spec import Training

from .trainers import Batches, trainer

SIZE = 8


def warm() -> None:
    """Train and evaluate a small chain. What is compiled depends on types alone: any other chain takes it up."""
    draws = torch.Generator().manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 10))
    state = {f"weights/{name}": value.detach().clone() for name, value in network.named_parameters()}
    mask = {"1.weight": torch.ones(12, 16, dtype=torch.bool), "3.weight": torch.ones(10, 12, dtype=torch.bool)}
    inputs, labels = torch.rand(SIZE, 1, 4, 4, generator=draws), torch.randint(10, (SIZE,), generator=draws)
    batches = Batches((inputs, labels), lambda update: torch.arange(SIZE))
    adam = Training(steps=2, batch_size=SIZE, learning_rate=0.1, optimizer="adam")
    for training in (adam, adam.model_copy(update={"optimizer": "sgd", "momentum": 0.9})):
        trained = trainer("csr-mlp").start(network, state, mask, training)
        trained.advance(range(2), batches)
        trained.model(inputs)


if __name__ == "__main__":
    warm()
