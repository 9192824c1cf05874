"""SCALING and CLASSES of a task: what its data does, checked before anything is trained, and never a lost package."""

from pathlib import Path

import numpy as np
import pytest

from ticketsmith.errors import UsageError
from ticketsmith.task import Scaling
from ticketsmith_runner.declared import classes, ends, scaling
from ticketsmith_runner.tasks import Task
from ticketsmith_runtime.network import Constant, Network
from ticketsmith_tasks import digits, digits_mlp, idx, mnist_lenet300

from ..runtime.graphs import residual
from .conftest import CODE

TASK = """
from ticketsmith.task import ACCURACY as METRIC, Scaling

DEFAULTS = {}


def data(root): ...


def model(): ...


def loss(model, batch): ...
"""


def task(folder: Path, lines: str) -> Task:
    name = f"own{abs(hash((str(folder), lines)))}"
    (folder / f"{name}.py").write_text(TASK + lines)
    return Task(str(folder), name)


def test_raw_digits_are_scaled_to_the_bit_as_in_training() -> None:
    said = scaling(Task(CODE, "ticketsmith_tasks.digits_mlp"))
    inputs, _ = digits_mlp.data(Path("nowhere")).examples.tensors
    raw = (digits.greys(digits.files()) * digits.PEAK).byte().unsqueeze(1)
    assert said is not None and np.array_equal(said(raw.numpy()), inputs.numpy())


def test_raw_pictures_of_mnist_are_scaled_as_in_training(data_root: str) -> None:
    said = scaling(Task(CODE, "ticketsmith_tasks.mnist_lenet300"))
    inputs, _ = mnist_lenet300.data(Path(data_root)).examples.tensors
    raw = idx.images(idx.files(Path(data_root)))[::70].unsqueeze(1)
    assert said is not None
    np.testing.assert_allclose(said(raw.numpy()), inputs[::70].numpy(), rtol=1e-6)


@pytest.mark.parametrize("name", ["digits_mlp", "mnist_lenet300"])
def test_digits_are_named(name: str) -> None:
    said = classes(Task(CODE, f"ticketsmith_tasks.{name}"))
    assert said is not None and said.names == tuple("0123456789")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("SCALING = {'peak': 255}", "SCALING of task .* is a dict"),
        ("CLASSES = 'rose'", "is no list of names"),
        ("CLASSES = [0, 1]", "is no list of names"),
        ("CLASSES = ['rose', '']", "is no list of names"),
        ("CLASSES = []", "is empty, or has a name twice"),
        ("CLASSES = ['rose', 'rose']", "is empty, or has a name twice"),
        ("SCALING = Scaling(peak=0)", "cannot be imported in line .*: peak and std are positive numbers"),
        ("SCALING = Scaling(std=[1.0, 0.0])", "peak and std are positive numbers"),
        ("SCALING = Scaling(mean=[])", "peak and std are positive numbers"),
        ("SCALING = Scaling(mean=float('nan'))", "peak and std are positive numbers"),
    ],
)
def test_what_is_none_ends_before_anything_is_trained(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        _ = task(tmp_path, line).code


def test_a_task_without_either_says_nothing(tmp_path: Path) -> None:
    assert ends(residual(), task(tmp_path, "")) == (None, None)


def test_both_are_packed_where_they_fit(tmp_path: Path) -> None:
    lines = "SCALING = Scaling(peak=255, mean=[0.1, 0.2, 0.3])\nCLASSES = ['a', 'b', 'c', 'd']"
    scales, names = ends(residual(), task(tmp_path, lines))
    assert scales is not None and vars(scales) == vars(Scaling(peak=255, mean=[0.1, 0.2, 0.3]))
    assert names is not None and names.names == ("a", "b", "c", "d")


def test_what_does_not_fit_is_said_and_keeps_no_ticket_from_being_packed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As with `--set options.classes=5`: the code is in the run id, so that nobody could mend it afterwards."""
    lines = "SCALING = Scaling(mean=[0.1, 0.2])\nCLASSES = ['a', 'b']"
    assert ends(residual(), task(tmp_path, lines)) == (None, None)
    said = capsys.readouterr().err
    assert "is not packed: mean has 2 numbers" in said and "is not packed: 2 names do not fit outputs [4]" in said


def test_weights_alone_carry_neither(tmp_path: Path) -> None:
    weights = Network(inputs=[], constants=[Constant(np.ones(3, np.float32))], nodes=[], outputs=[])
    assert ends(weights, task(tmp_path, "SCALING = Scaling(peak=2)")) == (None, None)
