"""VAE 784-400-20 on MNIST (LeCun et al.): 55,000 images to train on, 5,000 for validation, 10,000 for the test

A grey value is the chance that its pixel is black, drawn anew each time that an image is looked at (Burda et al., arXiv
1509.00519, section 5); at an evaluation from a stream that all arms share.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from ticketsmith.task import Splits

from .idx import files, greys
from .vae import METRIC, Autoencoder, bound, independent, narrow, sample, weighted

__all__ = ["DEFAULTS", "METRIC", "baseline", "data", "loss", "model", "record", "sample", "smaller"]

DEFAULTS = {
    "replicates": 5,
    "training": {
        "steps": 20000,
        "batch_size": 100,
        "optimizer": "adam",
        "learning_rate": 1e-3,
        "schedule": "cosine",
        "evaluate_every": 1000,
    },
    "pruning": {"output_rate": 1.0, "rewind_to": 1000},
}


def data(root: Path) -> Splits:
    """Shares of black, (784,), in [0, 1]: training images, then test images."""
    paths = files(root)
    return Splits(
        examples=TensorDataset(greys(paths).flatten(1)), files=paths, test=range(60000, 70000), validation=5000
    )


def model(hidden: int = 400, code: int = 20) -> nn.Module:
    """Encoder and decoder with one hidden layer each."""
    return Autoencoder(784, hidden, code)


def smaller(weights: int) -> dict[str, int]:
    """Fewer hidden units; the code is what it was."""
    return {"hidden": narrow(weights, 784, 20), "code": 20}


def loss(model: nn.Module, batch: Any) -> Tensor:
    """Minus the bound, nats of an image, (B,)."""
    return bound(model, torch.bernoulli(batch[0]), dots=1)


def record(model: nn.Module, batch: Any) -> dict[str, Tensor]:
    """`weighted`: minus the importance-weighted bound, which is tighter."""
    return {"weighted": weighted(model, torch.bernoulli(batch[0]), dots=1)}


def baseline(training: Any) -> Callable[[Any], Tensor]:
    """Independent pixels, each as often black as in training"""
    nats = independent(training[0], dots=1)
    return lambda batch: nats(torch.bernoulli(batch[0]))
