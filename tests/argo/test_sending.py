"""A submission puts code and data into the bucket before any pod starts, and refuses what may not go there."""

from pathlib import Path

import pytest

from ..fake_gcs import FakeGcs
from ..own_task import TASK, OwnTask, planted
from .conftest import Command, Done, install
from .fake import FakeArgo
from .test_submit import refused


@pytest.fixture(autouse=True)
def local(fake: FakeArgo) -> None:
    """A profile that trains on the processor: nothing is said about a device here."""
    fake.templates.clear()
    install(fake, "local")


@pytest.fixture
def own(tmp_path: Path) -> OwnTask:
    return planted(tmp_path)


def submit(command: Command, task: OwnTask, *flags: str) -> Done:
    return command("submit", "imp", *task.flags, "-o", "json", *flags)


def data(gcs: FakeGcs) -> list[str]:
    return sorted(key.removeprefix("runs/data/") for key in gcs.objects if key.startswith("runs/data/"))


def test_code_card_and_data_are_there_before_the_workflow_is(
    command: Command, fake: FakeArgo, gcs: FakeGcs, own: OwnTask
) -> None:
    """A second submission sends nothing, and no data set twice."""
    fake.faults["create"] = iter([403])
    refused(submit(command, own), 4, "403")
    done = command("submit", "imp", *own.flags, "-o", "json")
    run, sent = done.json["run"], {key.removeprefix("runs/") for key in gcs.objects}
    assert f"{run}/card.json" in sent and len([key for key in sent if key.startswith("code/")]) == 1
    assert len(data(gcs)) == 3 and len([key for key in data(gcs) if key.startswith("blobs/")]) == 2
    before = gcs.calls["insert"]
    again = command("submit", "imp", *own.flags, "-o", "json")
    assert again.json["new"] is False and "data:" not in again.err
    assert {key.removeprefix("runs/") for key in gcs.objects} == sent and gcs.calls["insert"] - before <= 1  # the spec
    other = command("submit", "imp", *own.flags, "--seed", "1", "-o", "json")
    assert other.json["run"] != run and "data:" not in other.err


def test_progress_is_told_on_standard_error(command: Command, fake: FakeArgo, gcs: FakeGcs, own: OwnTask) -> None:
    said = submit(command, own).err
    assert "data: 1 of 2 files are in gs://bucket/runs" in said and "data: 2 of 2 files" in said
    assert "data: 2,176 bytes were sent" in said


@pytest.mark.parametrize("task", ["digits-mlp", "vae-digits", "ddpm-digits", "gpt-char"])
def test_a_task_whose_data_comes_with_its_code_or_a_library_sends_none(
    command: Command, fake: FakeArgo, gcs: FakeGcs, task: str
) -> None:
    assert command("submit", "imp", "--task", task, "-o", "json").code == 0
    assert data(gcs) == [] and [key for key in gcs.objects if key.startswith("runs/code/")]


def test_data_at_a_mount_stays_where_it_is(command: Command, fake: FakeArgo, gcs: FakeGcs, own: OwnTask) -> None:
    assert submit(command, own, "--mounted").code == 0
    assert data(gcs) == [] and len(fake.workflows) == 1


UNNAMED = TASK.replace("files=files, ", "")
STRAY = TASK.replace("files=files, ", "files=[*files, root.parent / 'notes.txt'], ")


@pytest.mark.parametrize("flags", [[], ["--dry-run"]])
def test_files_that_are_not_named_are_refused(
    command: Command, fake: FakeArgo, gcs: FakeGcs, tmp_path: Path, flags: list[str]
) -> None:
    task = planted(tmp_path, UNNAMED)
    done = command("submit", "imp", *task.flags, *flags)
    refused(
        done, 2, f"{task.file} reads {task.files[0]}, which its Splits does not name", "Splits(files=…)", "--mounted"
    )
    assert not fake.workflows and not gcs.objects


def test_at_a_mount_no_file_has_to_be_named(command: Command, fake: FakeArgo, tmp_path: Path) -> None:
    assert submit(command, planted(tmp_path, UNNAMED), "--mounted").code == 0


def test_files_outside_the_data_root_are_refused(command: Command, gcs: FakeGcs, tmp_path: Path) -> None:
    task = planted(tmp_path, STRAY)
    (tmp_path / "notes.txt").write_text("x")
    refused(
        command("submit", "imp", *task.flags), 2, "outside the data root", str(tmp_path / "notes.txt"), "--data-root"
    )
    assert not gcs.objects


def test_a_secret_among_the_files_is_refused(command: Command, gcs: FakeGcs, tmp_path: Path) -> None:
    task = planted(tmp_path, TASK.replace("files=files, ", "files=[*files, root / 'kaggle.json'], "))
    (task.data / "kaggle.json").write_text("{}")
    refused(command("submit", "imp", *task.flags), 2, "may be secrets", "kaggle.json")
    assert not [key for key in gcs.objects if "data" in key or "code" in key]


def test_a_library_beside_the_image_is_named_with_the_way_to_bring_it(
    command: Command, fake: FakeArgo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "site-packages"
    library.mkdir()
    (library / "petals.py").write_text("")
    monkeypatch.syspath_prepend(str(library))
    monkeypatch.setenv("PYTHONPATH", str(library))
    task = planted(tmp_path, TASK.replace("import torch", "import petals\nimport torch", 1))
    done = submit(command, task, "--dry-run")
    assert done.code == 0 and "imports petals, which our image does not have" in done.err
    assert "FROM ticketsmith/runner:" in done.err and "--no-cache petals\n" in done.err
