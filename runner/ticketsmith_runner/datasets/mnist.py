"""MNIST (LeCun et al.): 60,000 training and 10,000 test images of 28 x 28, in that order."""

import numpy as np
import torch

from ticketsmith.errors import Retryable

from ..data import Examples


def load(root: str) -> Examples:
    """Read torchvision's copy below `root`, downloading it where there is none. Raises Retryable without one."""
    from torchvision.datasets import MNIST

    try:
        parts = [MNIST(root, train=train, download=True) for train in (True, False)]
    except (RuntimeError, OSError) as error:
        raise Retryable(
            f"MNIST is not below {root!r} and could not be downloaded: {error}",
            "connect to a network, or give the folder that holds MNIST/raw with --data-root",
        ) from error
    return Examples(
        pixels=torch.cat([part.data for part in parts]).numpy(),
        labels=torch.cat([part.targets for part in parts]).numpy().astype(np.uint8),
        peak=255,
        mean=0.1307,
        std=0.3081,
    )
