"""What tests of several folders share."""

import os
from pathlib import Path

import pytest


def mnist_root() -> Path | None:
    """A folder with torchvision's MNIST: $TICKETSMITH_TEST_DATA, `data/`, or `../shared/data` beside the checkout."""
    root = Path(__file__).parents[1]
    for folder in (os.environ.get("TICKETSMITH_TEST_DATA"), root / "data", root.parent / "shared" / "data"):
        if folder and (Path(folder) / "MNIST" / "raw" / "train-images-idx3-ubyte").is_file():
            return Path(folder)
    return None


@pytest.fixture
def data_root(request: pytest.FixtureRequest) -> str:
    """Where the data sets are; a test that needs MNIST is skipped, with the reason, where there is none."""
    wants = "mnist" in request.node.name
    if wants and mnist_root() is None:
        pytest.skip("MNIST is not here: put torchvision's copy into data/, or set TICKETSMITH_TEST_DATA")
    return str(mnist_root() or "")
