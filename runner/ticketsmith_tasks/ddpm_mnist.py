"""DDPM on MNIST (LeCun et al.): 59,000 images to train on, 1,000 for validation, 10,000 for the test"""

from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.utils.data import TensorDataset

from ticketsmith.task import Splits

from .ddpm import METRIC, Denoiser, baseline, bound, inputs, loss, narrow, sample, score
from .idx import files, greys

__all__ = ["DEFAULTS", "METRIC", "baseline", "data", "inputs", "loss", "model", "record", "sample", "score", "smaller"]

LEVELS = 256  # of grey
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
    "pruning": {"fraction": 0.332, "output_rate": 1.0, "rewind_to": 500},
    "gate": {"margin": "1 %"},
}


def data(root: Path) -> Splits:
    """Shares of black, (784,), in [0, 1]: training images, then test images."""
    paths = files(root)
    return Splits(
        examples=TensorDataset(greys(paths).flatten(1)), files=paths, test=range(60000, 70000), validation=1000
    )


def model(width: int = 512, blocks: int = 2) -> nn.Module:
    """A residual perceptron that knows the step."""
    return Denoiser(784, width, blocks)


def smaller(weights: int) -> dict[str, int]:
    """Fewer channels."""
    return {"width": narrow(weights, 784, 2), "blocks": 2}


def record(model: nn.Module, batch: Any) -> dict[str, Tensor]:
    """`nats_per_pixel`: by the variational bound."""
    return {"nats_per_pixel": bound(model, batch, LEVELS)}
