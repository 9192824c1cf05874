"""The data sets are read without the libraries that they come with, and are what those would read."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from ticketsmith.errors import Conflict, Retryable
from ticketsmith.specs import task
from ticketsmith_runner.data import Examples, digest, read
from ticketsmith_runner.datasets import digits, mnist, mnist_unit_length


def test_the_digits_are_scikit_learns() -> None:
    from sklearn.datasets import load_digits

    ours, theirs = digits.load(""), load_digits()
    assert np.array_equal(ours.pixels, theirs.images) and np.array_equal(ours.labels, theirs.target)


def test_mnist_is_torchvisions(data_root: str) -> None:
    from torchvision.datasets import MNIST

    ours, parts = mnist.load(data_root), [MNIST(data_root, train=train) for train in (True, False)]
    assert np.array_equal(ours.pixels, torch.cat([part.data for part in parts]).numpy())
    assert np.array_equal(ours.labels, torch.cat([part.targets for part in parts]).numpy())
    scaled = mnist_unit_length.load(data_root)
    assert np.array_equal(scaled.pixels, ours.pixels)
    assert digest(scaled) == task("mnist-lenet300").digest != digest(ours)


def test_images_of_length_1_have_it_and_are_else_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.array([[[3, 0], [0, 4]], [[0, 0], [0, 0]]], np.uint8)
    examples = Examples(pixels=pixels, labels=np.zeros(2, np.uint8), peak=5, unit_length=True)
    monkeypatch.setattr(mnist_unit_length, "load", lambda root: examples)

    inputs = read("mnist-unit-length", digest(examples), "").inputs

    torch.testing.assert_close(inputs, torch.tensor([[[[0.6, 0.0], [0.0, 0.8]]], [[[0.0, 0.0], [0.0, 0.0]]]]))


@pytest.mark.parametrize("name", [*mnist.IMAGES, *mnist.LABELS])
def test_a_file_of_mnist_that_is_cut_short_is_seen(name: str, data_root: str, tmp_path: Path) -> None:
    raw = Path(data_root) / "MNIST" / "raw"
    shutil.copytree(raw, tmp_path / "MNIST" / "raw", ignore=shutil.ignore_patterns("*.gz"))
    whole = (tmp_path / "MNIST" / "raw" / name).read_bytes()
    (tmp_path / "MNIST" / "raw" / name).write_bytes(whole[:-1])
    with pytest.raises(Conflict, match="remove the copy below --data-root"):
        read("mnist-unit-length", task("mnist-lenet300").digest, str(tmp_path))


def test_without_a_copy_and_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*args: object, **options: object) -> None:
        raise RuntimeError("no network")

    monkeypatch.setattr("torchvision.datasets.MNIST", unreachable)
    with pytest.raises(Retryable, match="could not be downloaded: no network"):
        mnist.load(str(tmp_path))
