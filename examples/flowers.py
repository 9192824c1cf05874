"""ResNet-18 on a folder of photos, one sub-folder a class; without one, on squares of two colours that it draws."""

from pathlib import Path

import torch
from torch import nn
from torchvision.datasets import ImageFolder
from torchvision.models import resnet18
from torchvision.transforms import v2
from torchvision.utils import save_image

from ticketsmith.task import ACCURACY as METRIC
from ticketsmith.task import Splits
from ticketsmith_runner.objectives.classification import loss, record, score

__all__ = ["DEFAULTS", "METRIC", "data", "loss", "model", "record", "score"]
DEFAULTS = {"replicates": 3, "training": {"steps": 400, "batch_size": 16, "learning_rate": 0.05, "momentum": 0.9}}
PIXELS = v2.Compose([v2.Resize((32, 32)), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])


def data(root: Path) -> Splits:
    """Photos in `flowers/<class>/`, cross-fitted in three folds."""
    if not (root / "flowers").is_dir():
        draw(root / "flowers")
    photos = ImageFolder(root / "flowers", PIXELS)
    return Splits(examples=photos, files=[Path(path) for path, _ in photos.samples], folds=3, validation=5)


def model(classes: int = 2) -> nn.Module:
    return resnet18(num_classes=classes)


def draw(folder: Path) -> None:
    stream = torch.Generator().manual_seed(0)
    for number in range(40):
        (kind := folder / ("rose", "iris")[number % 2]).mkdir(parents=True, exist_ok=True)
        photo = torch.rand(3, 32, 32, generator=stream) / 2
        photo[2 * (number % 2), 8:24, 8:24] += 0.5
        save_image(photo, kind / f"{number}.png")
