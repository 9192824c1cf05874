"""Images in folders, a sub-folder for each class, told apart by a small ResNet"""

from pathlib import Path

import torch
from torch import nn
from torchvision.datasets import ImageFolder
from torchvision.models.resnet import BasicBlock, conv1x1, conv3x3
from torchvision.transforms import Compose, Resize, ToTensor
from torchvision.utils import save_image

from ticketsmith.task import ACCURACY as METRIC
from ticketsmith.task import Scaling, Splits
from ticketsmith_runner.objectives.classification import loss, record, score

__all__ = ["CLASSES", "DEFAULTS", "METRIC", "SCALING", "data", "loss", "model", "record", "score"]
TRAINING = {"steps": 80, "batch_size": 32, "optimizer": "adam", "learning_rate": 3e-3, "evaluate_every": 20}
DEFAULTS = {"replicates": 5, "training": TRAINING}
SCALING = Scaling(peak=255)  # what ToTensor does: a package does it too, load("my.ticket", raw=True)
CLASSES = ["across", "aslant", "down"]  # the sub-folders, sorted


def data(root: Path) -> Splits:
    """Your images: put them below `root` (--data-root) as rose/1.jpg, daisy/2.jpg and so on, and delete `draw`."""
    if not (folder := root / "stripes").is_dir():
        draw(folder)
    images = ImageFolder(str(folder), Compose([Resize((32, 32)), ToTensor()]))
    return Splits(examples=images, files=[Path(file) for file, _ in images.samples], folds=5, validation=30)


def model(width: int = 8, classes: int = 3) -> nn.Module:
    """Your network; `torchvision.models.resnet18(num_classes=classes)` will do as well. --set options.width=16"""
    shapes = [(width, 2 * width), (2 * width, 4 * width)]
    ways = [nn.Sequential(conv1x1(given, wide, 2), nn.BatchNorm2d(wide)) for given, wide in shapes]
    blocks = [BasicBlock(given, wide, 2, way) for (given, wide), way in zip(shapes, ways, strict=True)]
    start, end = [conv3x3(3, width, 2), nn.BatchNorm2d(width), nn.ReLU()], [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*start, *blocks, *end, nn.Linear(4 * width, classes))


def draw(folder: Path) -> None:  # stripes across, down and aslant, 60 images each
    y, x = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    draws = torch.Generator().manual_seed(0)
    for name, way in {"across": y, "down": x, "aslant": x + y}.items():
        (folder / name).mkdir(parents=True)
        for number in range(60):
            waves = (way / 3 + 6.3 * torch.rand(1, generator=draws)).sin() / 4 + torch.rand(3, 32, 32, generator=draws)
            save_image(waves * torch.rand(3, 1, 1, generator=draws), folder / name / f"{number}.png")
