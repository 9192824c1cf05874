"""The files of MNIST (LeCun et al.): 60,000 training and 10,000 test images of 28 x 28, in that order."""

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

import numpy as np
import torch
from torch import Tensor

from ticketsmith.errors import Retryable, UsageError

NAMES = (
    *("train-images-idx3-ubyte", "t10k-images-idx3-ubyte"),
    *("train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"),
)

PEAK = 255
"""Of a pixel."""


def files(root: Path) -> list[Path]:
    """Torchvision's copy below `root`, downloaded where there is none. Raises Retryable without a network."""
    raw = root / "MNIST" / "raw"
    if missing := [name for name in NAMES if not (raw / name).is_file()]:
        _refuse_other_names(root, missing)
        _download(root)
    return [raw / name for name in NAMES]


def images(paths: Sequence[Path]) -> Tensor:
    """(70000, 28, 28), uint8."""
    return torch.cat([_read(path, 16, 28, 28) for path in paths[:2]])


def greys(paths: Sequence[Path]) -> Tensor:
    """Shares of black, (70000, 28, 28), from 0 to 1."""
    return images(paths).float() / PEAK


def labels(paths: Sequence[Path]) -> Tensor:
    """(70000,), uint8."""
    return torch.cat([_read(path, 8) for path in paths[2:]])


def _refuse_other_names(root: Path, missing: list[str]) -> None:
    """Raises UsageError if a missing file is there after all: with a dot in its name, or in a folder above."""
    raw = root / "MNIST" / "raw"
    folders = [folder for folder in (root, root / "MNIST", raw) if folder.is_dir()]
    there = {file.name.replace(".", "-"): file for folder in folders for file in sorted(folder.iterdir())}
    if misnamed := [(there[name], raw / name) for name in missing if name in there and there[name].is_file()]:
        moves = [f"mv {quote(str(old))} {quote(str(new))}" for old, new in misnamed]
        raise UsageError(
            f"MNIST's files have other names than they should: {', '.join(str(old) for old, _ in misnamed)}",
            " && ".join([f"mkdir -p {quote(str(raw))}", *moves]),
        )


def _download(root: Path) -> None:
    # Imported here: it takes seconds, and a copy that is there needs none of it.
    from torchvision.datasets import MNIST

    try:
        MNIST(str(root), download=True)
    except (RuntimeError, OSError) as error:
        raise Retryable(
            f"MNIST is not below {str(root)!r} and could not be downloaded: {error}",
            "connect to a network, or give the folder that holds MNIST/raw with --data-root",
        ) from error


def _read(path: Path, header: int, *shape: int) -> Tensor:
    """The examples of an idx file, whole ones; what is cut short or altered shows in the digest of the data."""
    content, size = path.read_bytes()[header:], int(np.prod(shape, dtype=int))
    flat = np.frombuffer(content[: len(content) // size * size], np.uint8)
    return torch.from_numpy(flat.reshape(-1, *shape).copy())
