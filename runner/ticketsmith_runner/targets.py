"""The second part of a pair as what is to be predicted: one number throughout leaves nothing to learn."""

import torch
from torch import Tensor, nn

from ticketsmith.errors import UsageError

from .examples import Batch, Examples
from .seeds import seeded
from .tasks import Task


def target(task: Task, network: nn.Module, batch: Batch) -> Tensor | None:
    """(B,); None where a batch is no pair, or the loss does without, as that of a VAE on the images of one folder."""
    if not (isinstance(batch, tuple | list) and len(batch) == 2):
        return None
    values = batch[1]
    return values if isinstance(values, Tensor) and values.dim() == 1 and _read(task, network, batch) else None


def _read(task: Task, network: nn.Module, batch: Batch) -> bool:
    try:
        with seeded(0), torch.no_grad():
            task.loss(network, [batch[0], None])
    except Exception:  # whatever the user's code raises for what is not there
        return True
    return False


def differ(task: Task, network: nn.Module, examples: Examples, batch: Batch) -> None:
    """Raises UsageError for a data set in memory whose target is one number throughout."""
    if examples.tensors is None or target(task, network, batch) is None:
        return
    values = examples.tensors[1]
    if bool((values == values[0]).all()):
        raise UsageError(
            f"all of {len(values):,} examples have the target {values[0].item():g}: there is nothing to learn",
            "check the folders or labels that data() reads",
        )
