"""Runs from Python, as a notebook starts and reads them."""

import subprocess
import sys
from pathlib import Path

import pytest

from ticketsmith import notebook
from ticketsmith.errors import Retryable, TicketSmithError, UsageError
from ticketsmith.runs import data_folder
from ticketsmith.stores.local import LocalStore

from .conftest import SMALL, Warm, data


@pytest.fixture(scope="module")
def warmed(tmp_path_factory: pytest.TempPathFactory, warm: Warm) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("notebook")
    return folder, warm.run(SMALL, folder / "runs")


def called(folder: Path) -> notebook.Run:
    """The same run by a call."""
    return notebook.run(fields=SMALL, store=str(folder / "runs"))


def test_a_call_is_the_command_and_a_finished_run_is_read(warmed: tuple[Path, str]) -> None:
    folder, run = warmed
    found = called(folder)
    assert found.id == run
    told = data("report", run, cwd=folder)
    assert found.decision == told["decision"]["sentence"]
    assert found.status == told["findings"]["verdicts"][-1]["status"]
    assert found.scorecard == told["scorecard"]
    assert notebook.read("digits-mlp", str(folder / "runs")).findings == found.findings
    assert Path(found.report().removeprefix("file://")).is_file()


def test_a_notebook_shows_the_decision_and_a_row_for_each_variant(warmed: tuple[Path, str]) -> None:
    folder, run = warmed
    found = notebook.read(run, str(folder / "runs"))
    shown = found._repr_markdown_()
    assert shown.startswith(f"**{' '.join(found.decision.partition(':')[0].split())}**")
    rows = [line for line in shown.splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + len(found.scorecard)  # a head, and a line below it
    assert str(found) == f"{run}\n{found.decision}"


def test_a_new_run_is_trained_and_its_progress_is_told(tmp_path: Path) -> None:
    script = (
        "from ticketsmith import notebook\n"
        "run = notebook.run(sparsity=0.5, replicates=5, fields={'training.steps': 20, 'pruning.fraction': 0.5,"
        " 'controls': [], 'benchmark.precision': ['fp32'], 'benchmark.rounds': 1}, workers=1)\n"
        "print(run)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    name, _, decision = done.stdout.partition("\n")
    assert (tmp_path / "runs" / name).is_dir() and " at 50.0" in decision
    assert "dense + 1 round" in done.stderr and "took" in done.stderr


def test_what_is_wrong_is_an_error_with_its_fix(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no-such"):
        notebook.run("no-such", store=str(tmp_path))
    with pytest.raises(UsageError, match=r"gate\.margn"):
        notebook.run(fields={"gate.margn": 0.05}, store=str(tmp_path))
    with pytest.raises(UsageError, match="matches 0 runs"):
        notebook.read("digits", str(tmp_path))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("code", "kind"), [(3, Retryable), (70, TicketSmithError), (130, KeyboardInterrupt)])
def test_an_exit_code_of_the_runner_is_the_error_of_its_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, kind: type[BaseException]
) -> None:
    monkeypatch.setattr(notebook, "watched", lambda *_, **__: code)
    with pytest.raises(kind) as raised:
        notebook.run(fields={"training.steps": 7}, store=str(tmp_path / "runs"), data_root=str(tmp_path))
    assert type(raised.value) is kind
    (run,) = (tmp_path / "runs").iterdir()
    assert data_folder(LocalStore(tmp_path / "runs"), run.name) == str(tmp_path)
