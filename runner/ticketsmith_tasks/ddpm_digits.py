"""DDPM on scikit-learn's handwritten digits (1,797 images of 8 x 8), cross-fitted in 5 folds"""

from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.utils.data import TensorDataset

from ticketsmith.task import Splits

from .ddpm import METRIC, Denoiser, baseline, bound, inputs, loss, narrow, sample, score
from .digits import files, greys

__all__ = ["DEFAULTS", "METRIC", "baseline", "data", "inputs", "loss", "model", "record", "sample", "score", "smaller"]

LEVELS = 17  # of grey
DEFAULTS = {
    "replicates": 5,
    "training": {
        "steps": 16000,
        "batch_size": 64,
        "optimizer": "adam",
        "learning_rate": 3e-3,
        "schedule": "cosine",
        "evaluate_every": 500,
    },
    "pruning": {"fraction": 0.332, "output_rate": 1.0, "rewind_to": 500},
    "gate": {"margin": "1 %"},
}


def data(root: Path) -> Splits:
    """Shares of black, (64,), in [0, 1]. Needs no files of the user's: `root` is not looked at."""
    paths = files()
    return Splits(examples=TensorDataset(greys(paths).flatten(1)), files=paths, folds=5, validation=120)


def model(width: int = 256, blocks: int = 2) -> nn.Module:
    """A residual perceptron that knows the step."""
    return Denoiser(64, width, blocks)


def smaller(weights: int) -> dict[str, int]:
    """Fewer channels."""
    return {"width": narrow(weights, 64, 2), "blocks": 2}


def record(model: nn.Module, batch: Any) -> dict[str, Tensor]:
    """`nats_per_pixel`: by the variational bound."""
    return {"nats_per_pixel": bound(model, batch, LEVELS)}
