"""`ticketsmith task`: new files are written once, a check ends with 2, the installed tasks are listed."""

import json
from pathlib import Path
from typing import Any

import pytest

from ticketsmith.cli import findings, image, skeleton
from ticketsmith.cli.tasks import Kind
from ticketsmith.errors import Conflict, UsageError

from .conftest import cli

WRONG = """
from ticketsmith.task import ACCURACY as METRIC
DEFAULTS = []
def data(root): pass
def model(): pass
def loss(model, batch): pass
"""


def test_a_new_task_has_a_test_beside_it(tmp_path: Path) -> None:
    skeleton.write(str(tmp_path / "my_flowers.py"), Kind.text)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["my_flowers.py", "test_my_flowers.py"]
    assert 'Task(str(Path(__file__).parent), "my_flowers")' in (tmp_path / "test_my_flowers.py").read_text()


@pytest.mark.parametrize("there", ["my_flowers.py", "test_my_flowers.py"])
def test_nothing_is_overwritten(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("mine")
    with pytest.raises(Conflict, match="is there already, and nothing is overwritten"):
        skeleton.write(str(tmp_path / "my_flowers.py"), Kind.image)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(there, "mine")]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("flowers", "is no name of a Python file"),
        ("random.py", "'random' is a module of Python's or of TicketSmith's"),
        ("torch.py", "'torch' is also"),
        ("3d.py", "a task's name begins with a letter"),
        ("nowhere/flowers.py", "there is no folder"),
    ],
)
def test_a_name_that_no_task_can_have_is_refused_and_leaves_nothing(tmp_path: Path, name: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        skeleton.write(str(tmp_path / name), Kind.image)
    assert list(tmp_path.rglob("*.py")) == []


def test_the_installed_tasks_are_listed_with_their_summaries(capsys: pytest.CaptureFixture[str]) -> None:
    from ticketsmith.cli.options import Output

    assert skeleton.print_tasks(Output.json) == 0
    listed = {row["task"]: row["summary"] for row in json.loads(capsys.readouterr().out)["tasks"]}
    assert listed["mnist-lenet300"] == "LeNet-300-100 on MNIST, protocol of the Lottery Ticket Hypothesis paper"


def test_a_check_with_a_problem_ends_with_2_and_names_the_fix(tmp_path: Path) -> None:
    (tmp_path / "my_wrong.py").write_text(WRONG)
    done = cli("task", "check", "my_wrong.py", cwd=tmp_path)
    assert done.returncode == 2
    assert "problem  file: DEFAULTS of task my_wrong is a list\n         fix: make it a dict" in done.stdout


def test_a_check_in_json_is_one_document(tmp_path: Path) -> None:
    (tmp_path / "my_wrong.py").write_text("def data(root:\n")
    done = cli("task", "check", "my_wrong.py", "-o", "json", cwd=tmp_path)
    document: Any = json.loads(done.stdout)
    assert done.returncode == 2
    (problem,) = document["findings"]
    assert problem["text"] == f"{tmp_path / 'my_wrong.py'}, line 1: '(' was never closed\n    def data(root:"
    assert problem["fix"] == "correct the line"


def test_a_check_of_a_bundled_task_ends_with_0(tmp_path: Path) -> None:
    done = cli("task", "check", "digits-mlp", "-o", "json", cwd=tmp_path)
    document: Any = json.loads(done.stdout)
    assert (done.returncode, [f["text"] for f in document["findings"] if f["kind"] == "problem"]) == (0, [])
    assert document["run"].startswith("digits-mlp-")
    assert document["travels"][0]["kind"] == "code"
    assert {row["name"]: row["chosen"] for row in document["trainers"]}["csr-mlp"] == "everything"


def test_a_library_of_the_image_needs_no_other_image() -> None:
    assert image.beyond(["torchvision", "numpy", "PIL", "typer"]) == []


def test_a_library_beyond_the_image_is_named() -> None:
    assert image.beyond(["pytest", "torch"]) == ["pytest"]


def test_what_leaves_the_machine_is_counted() -> None:
    luggage = findings.Luggage("data", 7, 3 << 20, [("a.png", 2 << 20)])
    assert str(luggage) == "7 files of data, 3.0 MiB: a.png 2.0 MiB, …"
