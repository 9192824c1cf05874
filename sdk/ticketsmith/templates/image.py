"""Images in folders, a sub-folder for each class, told apart by a small ResNet"""

from pathlib import Path

import torch
from torch import nn
from torchvision.datasets import ImageFolder
from torchvision.models.resnet import BasicBlock, ResNet
from torchvision.transforms import Compose, Resize, ToTensor
from torchvision.utils import save_image

from ticketsmith.task import ACCURACY as METRIC
from ticketsmith.task import Splits
from ticketsmith_runner.objectives.classification import loss, record, score

__all__ = ["DEFAULTS", "METRIC", "data", "loss", "model", "record", "score"]

# How long and how often it is trained: any field that `ticketsmith run imp --task FILE --dry-run` prints.
TRAINING = {"steps": 80, "batch_size": 32, "optimizer": "adam", "learning_rate": 1e-3, "evaluate_every": 20}
DEFAULTS = {"replicates": 5, "training": TRAINING}


def data(root: Path) -> Splits:
    """Your images: put them below `root` (--data-root) as rose/1.jpg, daisy/2.jpg and so on, and delete `draw`."""
    if not (folder := root / "stripes").is_dir():
        draw(folder)
    images = ImageFolder(str(folder), Compose([Resize((32, 32)), ToTensor()]))
    return Splits(examples=images, files=[Path(file) for file, _ in images.samples], folds=5, validation=30)


def model(classes: int = 3) -> nn.Module:
    """Your network. One block in each of four stages; `torchvision.models.resnet18(num_classes=classes)` has two."""
    return ResNet(BasicBlock, [1, 1, 1, 1], num_classes=classes)


def draw(folder: Path) -> None:
    """Stripes across, down and aslant, 100 images each."""
    y, x = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    draws = torch.Generator().manual_seed(0)
    for name, way in {"across": y, "down": x, "aslant": x + y}.items():
        (folder / name).mkdir(parents=True)
        for number in range(100):
            place, red, green, blue, *_ = torch.rand(4, 1, 1, generator=draws)
            grey = (way / 3 + 6.3 * place).sin() / 4 + 0.5 + 0.2 * torch.randn(32, 32, generator=draws)
            save_image(torch.stack([grey * red, grey * green, grey * blue]), folder / name / f"{number}.png")
