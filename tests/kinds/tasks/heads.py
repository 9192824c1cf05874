"""A network of torchvision with another head, for more than 256 classes"""

from pathlib import Path

import torch
from torch import nn
from torch.utils.data import TensorDataset
from torchvision.models import squeezenet1_1

from ticketsmith.task import ACCURACY as METRIC
from ticketsmith.task import Splits
from ticketsmith_runner.objectives.classification import loss, record, score

__all__ = ["DEFAULTS", "METRIC", "data", "loss", "model", "record", "score"]
DEFAULTS = {"replicates": 2}


def data(root: Path) -> Splits:
    images = torch.rand(60, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    return Splits(examples=TensorDataset(images, torch.arange(60) * 5), test=range(40, 60), validation=10)


def model() -> nn.Module:
    network = squeezenet1_1()
    network.features = nn.Sequential(*network.features[:2], *network.features[3:5])  # its pools round up
    network.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(128, 300, 1))
    return network
