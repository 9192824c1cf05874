"""One batch through NAME.py: `pytest test_NAME.py`."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ticketsmith_runner.seeds import seeded
from ticketsmith_runner.tasks import Task, options

TASK, SIZE = Task(str(Path(__file__).parent), "NAME"), 8


def losses(root: Path) -> Tensor:
    """Those of the first examples, from one stream for the network and one for its noise."""
    batch = TASK.examples(str(root)).batch(np.arange(SIZE))
    model = TASK.model(options(TASK), seed=1)
    with seeded(2):
        return TASK.loss(model, batch).detach()


def test_each_example_has_a_loss(tmp_path: Path) -> None:
    assert losses(tmp_path).shape == (SIZE,)


def test_the_losses_are_finite(tmp_path: Path) -> None:
    assert losses(tmp_path).isfinite().all()


def test_the_same_streams_give_the_same_bytes(tmp_path: Path) -> None:
    assert torch.equal(losses(tmp_path), losses(tmp_path))
