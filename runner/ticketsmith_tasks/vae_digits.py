"""VAE 64-400-10 on scikit-learn's handwritten digits (1,797 images of 8 x 8), cross-fitted in 5 folds

A pixel counts the black dots of a square of 4 x 4 of the scanned image (E. Alpaydin, C. Kaynak, UCI, 1998): it is
binomial, with 16 trials. Each five replicates together test every image once.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.utils.data import TensorDataset

from ticketsmith.task import Splits

from .digits import files, greys
from .vae import METRIC, Autoencoder, bound, independent, narrow, sample, weighted

__all__ = ["DEFAULTS", "METRIC", "baseline", "data", "loss", "model", "record", "sample", "smaller"]

DOTS = 16  # of a pixel
DEFAULTS = {
    "replicates": 5,
    "training": {
        "steps": 6000,
        "batch_size": 64,
        "optimizer": "adam",
        "learning_rate": 3e-3,
        "schedule": "cosine",
        "evaluate_every": 250,
    },
    "pruning": {"output_rate": 1.0, "rewind_to": 300},
}


def data(root: Path) -> Splits:
    """Shares of black, (64,), in [0, 1]. Needs no files of the user's: `root` is not looked at."""
    paths = files()
    return Splits(examples=TensorDataset(greys(paths).flatten(1)), files=paths, folds=5, validation=120)


def model(hidden: int = 400, code: int = 10) -> nn.Module:
    """Encoder and decoder with one hidden layer each."""
    return Autoencoder(64, hidden, code)


def smaller(weights: int) -> dict[str, int]:
    """Fewer hidden units; the code is what it was."""
    return {"hidden": narrow(weights, 64, 10), "code": 10}


def loss(model: nn.Module, batch: Any) -> Tensor:
    """Minus the bound, nats of an image, (B,)."""
    return bound(model, batch[0], DOTS)


def record(model: nn.Module, batch: Any) -> dict[str, Tensor]:
    """`weighted`: minus the importance-weighted bound, which is tighter."""
    return {"weighted": weighted(model, batch[0], DOTS)}


def baseline(training: Any) -> Callable[[Any], Tensor]:
    """Independent pixels, each as black as the mean of the training images"""
    nats = independent(training[0], DOTS)
    return lambda batch: nats(batch[0])
