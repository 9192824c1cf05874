"""MNIST (LeCun et al.): 60,000 training and 10,000 test images of 28 x 28, in that order."""

from pathlib import Path
from shlex import quote

import numpy as np
from numpy.typing import NDArray

from ticketsmith.errors import Retryable, UsageError

from ..data import Examples

IMAGES = ("train-images-idx3-ubyte", "t10k-images-idx3-ubyte")
LABELS = ("train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte")


def load(root: str) -> Examples:
    """Read torchvision's copy below `root`, downloading it where there is none. Raises Retryable without one."""
    raw = Path(root) / "MNIST" / "raw"
    if missing := [name for name in IMAGES + LABELS if not (raw / name).is_file()]:
        _refuse_other_names(Path(root), missing)
        _download(root)
    return Examples(
        pixels=np.concatenate([_read(raw / name, 16, 28, 28) for name in IMAGES]),
        labels=np.concatenate([_read(raw / name, 8) for name in LABELS]),
        peak=255,
        mean=0.1307,
        std=0.3081,
    )


def _refuse_other_names(root: Path, missing: list[str]) -> None:
    """Raises UsageError if a missing file is there after all: with a dot in its name, or in a folder above."""
    raw = root / "MNIST" / "raw"
    files = [file for folder in (root, root / "MNIST", raw) if folder.is_dir() for file in sorted(folder.iterdir())]
    there = {file.name.replace(".", "-"): file for file in files if file.is_file()}
    if found := [(there[name], raw / name) for name in missing if name in there]:
        moves = [f"mv {quote(str(old))} {quote(str(new))}" for old, new in found]
        raise UsageError(
            f"MNIST's files have other names than they should: {', '.join(str(old) for old, _ in found)}",
            " && ".join([f"mkdir -p {quote(str(raw))}", *moves]),
        )


def _download(root: str) -> None:
    # Imported here: it takes seconds, and a copy that is there needs none of it.
    from torchvision.datasets import MNIST

    try:
        MNIST(root, download=True)
    except (RuntimeError, OSError) as error:
        raise Retryable(
            f"MNIST is not below {root!r} and could not be downloaded: {error}",
            "connect to a network, or give the folder that holds MNIST/raw with --data-root",
        ) from error


def _read(path: Path, header: int, *shape: int) -> NDArray[np.uint8]:
    """The examples of an idx file, whole ones; what is cut short or altered shows in the digest of the data set."""
    data, size = path.read_bytes()[header:], int(np.prod(shape, dtype=int))
    return np.frombuffer(data[: len(data) // size * size], np.uint8).reshape(-1, *shape)
