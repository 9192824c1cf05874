"""MLP 64-300-100-10 on scikit-learn's handwritten digits (1,797 images of 8 x 8), cross-fitted in 5 folds

The default: real data that comes with a package, small enough for a laptop and no network. One test fold of 360 images
has a standard error of 0.75 points, so a single split cannot carry a verdict at 0.5 points. Every five replicates
therefore cross-fit: together they test each image once.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import nn
from torch.utils.data import TensorDataset

from ticketsmith.task import ACCURACY as METRIC
from ticketsmith.task import Scaling, Splits
from ticketsmith_runner.objectives.classification import loss, record, score

from .digits import PEAK, files, greys, labels
from .mlp import chain, narrow

__all__ = ["CLASSES", "DEFAULTS", "METRIC", "SCALING", "data", "loss", "model", "record", "score", "smaller"]

CLASSES = [*map(str, range(10))]
MEAN, STD = 0.3053, 0.3760
SCALING = Scaling(peak=PEAK, mean=MEAN, std=STD)

DEFAULTS = {
    "replicates": 10,
    "training": {
        "steps": 360,
        "batch_size": 64,
        "optimizer": "adam",
        "learning_rate": 3e-3,
        "schedule": "cosine",
        "evaluate_every": 20,
    },
}


def data(root: Path) -> Splits:
    """Images (1, 8, 8) of 17 grey levels, standardized. Needs no files of the user's: `root` is not looked at."""
    paths = files()
    images = (greys(paths).unsqueeze(1) - MEAN) / STD
    return Splits(examples=TensorDataset(images, labels(paths)), files=paths, folds=5, validation=120)


def model(hidden: Sequence[int] = (300, 100)) -> nn.Module:
    """A chain with these hidden layers."""
    return chain(64, *hidden, 10)


def smaller(weights: int) -> Mapping[str, Sequence[int]]:
    """Narrower hidden layers of the same shape."""
    return {"hidden": narrow(weights, 64, 10)}
