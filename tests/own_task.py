"""A task as a user has it: a file with a sibling, a named file beside it, and data files of its own."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

CLASSES, EACH = ("low", "high"), 60

SIBLING = """
from torch import nn


def network(inputs, hidden, outputs):
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))
"""
TASK = '''"""Two clouds of points"""

from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import TensorDataset

from clouds_network import network
from ticketsmith.task import ACCURACY as METRIC
from ticketsmith.task import Splits

FILES = ["classes.txt"]
CLASSES = (Path(__file__).parent / "classes.txt").read_text().split()
DEFAULTS = {
    "replicates": 5,
    "training": {"steps": 60, "batch_size": 16, "optimizer": "adam", "learning_rate": 0.01, "evaluate_every": 20},
}


def data(root):
    files = [root / "clouds" / f"{name}.npy" for name in CLASSES]
    clouds = [torch.from_numpy(np.load(file)) for file in files]
    labels = torch.repeat_interleave(torch.arange(len(clouds)), len(clouds[0]))
    return Splits(examples=TensorDataset(torch.cat(clouds), labels), files=files, folds=5, validation=12)


def model(hidden=24):
    return network(4, hidden, len(CLASSES))


def loss(model, batch):
    return cross_entropy(model(batch[0]), batch[1], reduction="none")


def score(model, batch):
    return (model(batch[0]).argmax(1) == batch[1]).float()
'''


@dataclass(frozen=True)
class OwnTask:
    """The folder that it lies in."""

    file: Path
    data: Path

    @property
    def files(self) -> list[Path]:
        """Its data files."""
        return [self.data / "clouds" / f"{name}.npy" for name in CLASSES]

    @property
    def flags(self) -> tuple[str, ...]:
        """Arguments of `run imp` and `submit imp`."""
        return ("--task", str(self.file), "--data-root", str(self.data), "--sparsity", "0.2", "--set", "controls=[]")


def planted(folder: Path, source: str = TASK) -> OwnTask:
    """Write the task into `folder`, and its data beside it."""
    task = OwnTask(folder / "code" / "clouds.py", folder / "data")
    for path in (task.file, task.files[0]):
        path.parent.mkdir(parents=True)
    task.file.write_text(source)
    task.file.with_name("clouds_network.py").write_text(SIBLING)
    task.file.with_name("classes.txt").write_text("\n".join(CLASSES))
    draws = np.random.default_rng(0)
    for place, file in enumerate(task.files):
        np.save(file, draws.normal(2 * place, 1, (EACH, 4)).astype(np.float32))
    return task
