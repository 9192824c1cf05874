"""LeNet-300-100 on MNIST, protocol of the Lottery Ticket Hypothesis paper

Frankle & Carbin, arXiv 1803.03635, figure 2 and appendix G: Glorot-normal weights, Adam 1.2e-3, batches of 60, 50,000
updates, 55,000 / 5,000 / 10,000 images for training, validation and test, layer-wise pruning at 20 % a round, output
layer at half that rate. Every image is scaled to length 1. The paper does not say so; the authors' code does
(google-research/lottery-ticket-hypothesis, datasets/dataset_mnist.py). It matters: on standardized images the dense
network stops after 4,500 updates instead of 6,600 and is worse, by 0.2 points (eight seeds, docs/certificates.md).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import TensorDataset

from ticketsmith.task import ACCURACY as METRIC
from ticketsmith.task import Scaling, Splits
from ticketsmith_runner.objectives.classification import loss, record, score

from .idx import PEAK, files, greys, labels
from .mlp import chain, narrow

__all__ = ["CLASSES", "DEFAULTS", "METRIC", "SCALING", "data", "loss", "model", "record", "score", "smaller"]

CLASSES = [*map(str, range(10))]
SCALING = Scaling(peak=PEAK, unit=True)

DEFAULTS = {
    "replicates": 3,
    "training": {
        "steps": 50000,
        "batch_size": 60,
        "optimizer": "adam",
        "learning_rate": 1.2e-3,
        "evaluate_every": 100,
    },
}


def data(root: Path) -> Splits:
    """60,000 training and 10,000 test images (1, 28, 28) of length 1, in that order."""
    paths = files(root)
    inputs = greys(paths)
    inputs /= inputs.flatten(1).norm(dim=1)[:, None, None].clamp(min=torch.finfo(torch.float32).tiny)
    examples = TensorDataset(inputs.unsqueeze(1), labels(paths).long())
    return Splits(examples=examples, files=paths, test=range(60000, 70000), validation=5000)


def model(hidden: Sequence[int] = (300, 100)) -> nn.Module:
    """A chain with these hidden layers."""
    return chain(784, *hidden, 10)


def smaller(weights: int) -> Mapping[str, Sequence[int]]:
    """Narrower hidden layers of the same shape."""
    return {"hidden": narrow(weights, 784, 10)}
