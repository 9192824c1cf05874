"""The bundled data is read without the libraries that it comes with, and is what those would read."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from ticketsmith.errors import Conflict, Retryable
from ticketsmith_runner.cards import digest, verified
from ticketsmith_runner.tasks import Task
from ticketsmith_tasks import digits_mlp, idx, mnist_lenet300

from .conftest import CODE

MNIST = Task(CODE, "ticketsmith_tasks.mnist_lenet300")


def test_the_digits_are_scikit_learns() -> None:
    from sklearn.datasets import load_digits

    (images, labels), theirs = digits_mlp.data(Path("nowhere")).examples.tensors, load_digits()
    levels = (images.double() * 0.3760 + 0.3053) * 16
    assert np.array_equal(levels.round()[:, 0].numpy(), theirs.images) and np.array_equal(labels, theirs.target)


def test_mnist_is_torchvisions(data_root: str) -> None:
    from torchvision.datasets import MNIST

    paths = idx.files(Path(data_root))
    parts = [MNIST(data_root, train=train) for train in (True, False)]
    assert torch.equal(idx.images(paths), torch.cat([part.data for part in parts]))
    assert torch.equal(idx.labels(paths).long(), torch.cat([part.targets for part in parts]))


def test_images_of_mnist_have_length_1(data_root: str) -> None:
    inputs, _ = mnist_lenet300.data(Path(data_root)).examples.tensors
    torch.testing.assert_close(inputs[:100].flatten(1).norm(dim=1), torch.ones(100))


@pytest.mark.parametrize("name", idx.NAMES)
def test_a_file_of_mnist_that_is_altered_is_seen(name: str, data_root: str, tmp_path: Path) -> None:
    raw = Path(data_root) / "MNIST" / "raw"
    shutil.copytree(raw, tmp_path / "MNIST" / "raw", ignore=shutil.ignore_patterns("*.gz"))
    expected = digest(MNIST.examples(str(tmp_path)), str(tmp_path))
    whole = (tmp_path / "MNIST" / "raw" / name).read_bytes()
    (tmp_path / "MNIST" / "raw" / name).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    other = tmp_path / "again"
    shutil.copytree(tmp_path / "MNIST", other / "MNIST")
    with pytest.raises(Conflict, match="bring back the data that the run began with"):
        verified(MNIST, str(other), expected)


def test_without_a_copy_and_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*args: object, **options: object) -> None:
        raise RuntimeError("no network")

    monkeypatch.setattr("torchvision.datasets.MNIST", unreachable)
    with pytest.raises(Retryable, match="could not be downloaded: no network"):
        idx.files(tmp_path)
