"""Runs that have begun, without a cluster: list, names, status, show, compare, delete."""

import fcntl
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from ticketsmith.errors import IntegrityError, Retryable
from ticketsmith.fetch import fetch
from ticketsmith.runs import at_work, chosen, delete, entry, find, note, spec_of, working
from ticketsmith.runs.notes import Note, noted
from ticketsmith.stores.local import LocalStore

from .conftest import GENEROUS, Verdicts, cli, data, flags, narrow, tree
from .test_cli import refused

WIDTHS = (40, 60, 80)


# --- list -------------------------------------------------------------------------------------------------------------


def test_a_list_has_a_line_for_each_run_with_its_verdict(verdicts: Verdicts) -> None:
    lines = [line.split() for line in cli("list", cwd=verdicts.folder).stdout.splitlines()]
    assert lines[0] == ["run", "task", "sparsity", "verdict", "age", "progress"]
    found = {run: (sparsity, verdict) for run, _, sparsity, _, verdict, *_ in lines[1:]}
    assert found == {
        verdicts.passed: ("75.0", "PASS"),
        verdicts.failed: ("98.0", "FAIL"),
        verdicts.undecided: ("75.0", "UNDECIDED"),
    }


def test_a_list_for_programs_has_numbers_a_schema_and_the_report(verdicts: Verdicts) -> None:
    found = data("list", cwd=verdicts.folder)
    assert (found["schema"], found["store"], len(found["runs"])) == ("ticketsmith.list/1", "runs", 3)
    each = next(each for each in found["runs"] if each["run"] == verdicts.passed)
    assert (each["sparsity"], each["verdict"], each["working"], each["problem"]) == (0.75, "PASS", False, None)
    assert each["done"] == each["steps"] > 10 and each["name"] is None and each["tags"] == []
    assert (verdicts.folder / each["report"]).is_file()


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("command", ["list", "status", "show", "compare", "report"])
def test_nothing_is_cut_however_narrow(copied: Path, verdicts: Verdicts, columns: int, command: str) -> None:
    runs = {"list": [], "report": [], "compare": [verdicts.passed, verdicts.failed]}.get(command, [verdicts.passed])
    words = "".join(narrow(columns, command, *runs, cwd=copied).split())
    assert "…" not in words and verdicts.passed in words and "75.0%" in words
    assert ("ADOPT" if command in ("compare", "report") else "PASS") in words


def test_a_list_fits_a_terminal_of_80_columns(verdicts: Verdicts) -> None:
    lines = narrow(80, "list", cwd=verdicts.folder).splitlines()
    assert len(lines) == 4 and max(map(len, lines)) <= 80


def test_an_empty_store_says_where_else_runs_may_be(tmp_path: Path) -> None:
    done = cli("list", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "") and "ticketsmith list --cluster" in done.stderr
    assert data("list", cwd=tmp_path)["runs"] == []


# --- names and tags ---------------------------------------------------------------------------------------------------


def test_a_run_is_called_by_its_name_and_found_by_its_tags(copied: Path, verdicts: Verdicts) -> None:
    record = tree(copied / "runs")
    named = cli("run", "imp", *flags(GENEROUS), "--name", "first", "--tag", "small", "--tag", "mlp", cwd=copied)
    assert named.returncode == 0 and f"report: runs/{verdicts.passed}/report.html" in named.stdout
    assert cli("run", "imp", *flags(GENEROUS), "--tag", "good", cwd=copied).returncode == 0
    assert cli("gate", "first", cwd=copied).stdout.startswith("PASS")
    (each,) = data("list", "--tag", "small", "--tag", "good", cwd=copied)["runs"]
    assert (each["run"], each["name"], each["tags"]) == (verdicts.passed, "first", ["small", "mlp", "good"])
    after = tree(copied / "runs")
    assert {key for key in after if key not in record} == {f"{verdicts.passed}/notes/000{n}.json" for n in (1, 2)}
    assert all(after[key] == data for key, data in record.items()), "the record is as it was"


def test_a_name_that_no_command_line_could_hold_is_refused_before_any_work(tmp_path: Path) -> None:
    done = cli("run", "imp", *flags(GENEROUS), "--name", "my run", cwd=tmp_path)
    refused(done, 2, "--name: expected at most 60 letters, digits, dots, hyphens, underscores or =, got 'my run'")
    assert not (tmp_path / "runs").exists()


def test_a_note_that_is_gone_or_damaged_is_in_nobodys_way(copied: Path, verdicts: Verdicts) -> None:
    store = LocalStore(copied / "runs")
    for name in ("first", "second"):
        note(store, verdicts.passed, name, [])
    (copied / "runs" / verdicts.passed / "notes" / "0001.json").unlink()
    note(store, verdicts.passed, "third", ["new"])
    assert noted(store, verdicts.passed) == Note("third", ("new",))
    store.put_once(f"{verdicts.failed}/notes/0001.json", b"no note")
    assert find(store, verdicts.passed[:-1]) == find(store, "third") == verdicts.passed


class Quicker(LocalStore):
    """A store to which somebody else has always written first."""

    def put_once(self, key: str, data: bytes) -> None:
        super().put_once(key, data.replace(b"ours", b"theirs"))
        super().put_once(key, data)


def test_who_is_never_first_to_name_a_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(Retryable, match="other commands give it names"):
        note(Quicker(tmp_path), "r", "ours", [])
    assert noted(LocalStore(tmp_path), "r").name == "theirs"


def test_a_copy_keeps_its_names_and_the_newest_report(copied: Path, verdicts: Verdicts) -> None:
    store, there = LocalStore(copied / "runs"), LocalStore(copied / "there")
    note(store, verdicts.passed, "first", ["small"])
    assert cli("report", verdicts.passed, "--price", "0.36", cwd=copied).returncode == 0
    shutil.copytree(store.root / verdicts.passed / "report", copied / "kept")
    found = data("fetch", verdicts.passed, "--store", str(store.root), "--to", "there", cwd=copied)
    assert noted(there, verdicts.passed) == Note("first", ("small",))
    page = f"{verdicts.passed}/report.html"
    assert found["report"] == f"there/{page}" and there.get(page) == store.get(page)
    note(there, verdicts.passed, "mine", [])
    note(store, verdicts.passed, "theirs", [])
    fetch(store, there, verdicts.passed, lambda *_: None)
    assert noted(there, verdicts.passed).name == "mine", "what the copy is called is for its owner to say"


@pytest.mark.parametrize(("name", "head"), [("digits", "matches 3 runs in runs; these:"), ("nosuch", "there are:")])
def test_who_names_several_runs_or_none_is_told_which_there_are(verdicts: Verdicts, name: str, head: str) -> None:
    done = cli("gate", name, cwd=verdicts.folder)
    refused(done, 2, head)
    for run, sparsity, verdict in (
        (verdicts.passed, "75.0%", "PASS"),
        (verdicts.failed, "98.0%", "FAIL"),
        (verdicts.undecided, "75.0%", "UNDECIDED"),
    ):
        (line,) = [line for line in done.stderr.splitlines() if run in line]
        date = entry(LocalStore(verdicts.store), run).date
        assert line.split() == ["-", run, sparsity, verdict, *date.split()] and date[:2] == "20"


# --- one run, and several ---------------------------------------------------------------------------------------------


def test_status_is_a_look_at_the_rounds(copied: Path, verdicts: Verdicts) -> None:
    shutil.rmtree(copied / "runs" / verdicts.passed / "cohort-00" / "level-02" / "ticket" / "gate")
    done = cli("status", verdicts.passed, cwd=copied)
    head, _, dense, first, second, report = done.stdout.splitlines()
    assert "/" in head and "PASS" not in head, "its target is not judged"
    assert dense.split()[:3] == ["dense", "0.0", "%"] and "PASS" in first and "trained" in second
    assert report.startswith("report: ") and f"next:   ticketsmith resume {verdicts.passed}" in done.stderr
    found = data("status", verdicts.passed, cwd=copied)
    assert found["schema"] == "ticketsmith.status/1" and found["done"] < found["steps"] and found["missing"]
    assert {"level", "arm", "sparsity", "status", "score", "difference", "reason"} == found["rounds"][0].keys()


def test_show_says_all_of_a_run_and_writes_nothing(verdicts: Verdicts) -> None:
    before = sorted(map(str, verdicts.store.rglob("*")))
    done = cli("show", verdicts.failed, cwd=verdicts.folder)
    assert done.returncode == 0 and "DO NOT ADOPT" in done.stdout and "Winning Ticket" in done.stdout
    (command,) = [line for line in done.stdout.splitlines() if line.startswith("as:")]
    assert "--sparsity 0.98" in command and "--stop-on-fail" in command
    found = data("show", verdicts.failed, cwd=verdicts.folder)
    assert (found["schema"], found["decision"], found["status"]) == ("ticketsmith.run/1", "DO NOT ADOPT", "FAIL")
    assert found["spec"]["pruning"]["sparsity"] == 0.98 and found["score"]["mean"] < 1 < found["kept"]
    assert sorted(map(str, verdicts.store.rglob("*"))) == before


def test_compare_sets_side_by_side_what_was_asked_and_found(verdicts: Verdicts) -> None:
    done = cli("compare", verdicts.passed, verdicts.failed, "--price", "0.36", cwd=verdicts.folder)
    assert done.returncode == 0, done.stderr
    rows = {line[:28].strip(): line[28:].split() for line in done.stdout.splitlines()}
    assert rows["pruning.sparsity"] == ["0.75", "0.98"] and rows["Verdict"] == ["PASS", "FAIL"]
    assert "Search, of one core or GPU" in rows
    assert "gate.confidence" not in rows and "$, search" in rows and "Speed to dense fp32" in rows
    found = data("compare", verdicts.passed, verdicts.failed, cwd=verdicts.folder)
    assert found["differences"]["pruning.sparsity"] == [0.75, 0.98] and "seed" not in found["differences"]
    assert [(each["status"], each["throughput"]["mean"] > 0) for each in found["runs"]] == [
        ("PASS", True),
        ("FAIL", True),
    ]


def test_a_run_is_read_without_its_task_and_without_torch(copied: Path, verdicts: Verdicts) -> None:
    """A file that is gone, or does harm when it is imported, is in nobody's way."""
    script = (
        "import sys\n"
        "sys.modules.update(ticketsmith_tasks=None, torch=None)\n"
        "from ticketsmith.cli import main\n"
        "main(sys.argv[1:])"
    )
    run = verdicts.passed
    for command in (
        ["list"], ["status", run], ["show", run], ["compare", run, verdicts.failed], ["gate", run], ["report", run],
        ["report", "--runs-prefix", "runs"], ["fetch", run, "--store", str(copied / "runs"), "--to", "copy"],
    ):  # fmt: skip
        argv = [sys.executable, "-c", script, *command]
        done = subprocess.run(argv, cwd=copied, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr


# --- delete -----------------------------------------------------------------------------------------------------------


def test_nothing_is_deleted_unasked(copied: Path, verdicts: Verdicts) -> None:
    before = tree(copied)
    done = cli("delete", verdicts.failed, cwd=copied)
    refused(done, 2, "98.0")
    assert f"`ticketsmith delete {verdicts.failed} --yes`" in done.stderr and "FAIL" in done.stderr
    assert tree(copied) == before


@pytest.mark.parametrize(("answer", "gone"), [("n", False), ("", False), ("y", True)])
def test_on_a_terminal_it_is_asked_for(copied: Path, verdicts: Verdicts, answer: str, gone: bool) -> None:
    ours, theirs = pty.openpty()
    argv = [sys.executable, "-m", "ticketsmith", "delete", verdicts.failed]
    process = subprocess.Popen(
        argv, cwd=copied, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    os.write(ours, f"{answer}\n".encode())
    out, asked = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0 and f"Delete {verdicts.failed} (" in asked and "[y/N]" in asked
    assert ("deleted: " in out, "nothing was deleted" in asked) == (gone, not gone)
    assert (copied / "runs" / verdicts.failed).exists() is not gone


def test_a_run_is_deleted_and_what_others_use_is_left(copied: Path, verdicts: Verdicts) -> None:
    before = tree(copied / "runs")
    done = cli("delete", verdicts.failed, "--yes", cwd=copied)
    assert done.returncode == 0 and done.stdout.startswith(f"deleted: {verdicts.failed} (")
    assert tree(copied / "runs") == {k: v for k, v in before.items() if not k.startswith(f"{verdicts.failed}/")}
    assert not list((copied / "runs").glob(".tmp-*")), "nothing hidden is left"
    assert cli("gate", verdicts.passed, cwd=copied).returncode == 0


def test_what_could_not_be_deleted_is_named_and_goes_with_the_next(
    copied: Path, verdicts: Verdicts, bound: list[str]
) -> None:
    locked = next((copied / "runs" / verdicts.failed).glob("spec"))
    locked.chmod(0o555)
    done = cli("delete", verdicts.failed, "--yes", cwd=copied, before=bound)
    (left,) = (copied / "runs").glob(".tmp-*")
    refused(done, 4, f"{verdicts.failed} is gone, but runs/{left.name} is left of it: Permission denied")
    assert f"`rm -r runs/{left.name}`" in done.stderr
    (left / "spec").chmod(0o755)
    assert cli("delete", verdicts.undecided, "--yes", cwd=copied).returncode == 0
    assert not list((copied / "runs").glob(".tmp-*")) and (copied / "runs" / verdicts.passed).exists()


def test_only_what_a_deletion_left_goes_with_the_next(copied: Path, verdicts: Verdicts) -> None:
    mine = copied / "runs/.tmp-mine"
    mine.mkdir()
    assert cli("delete", verdicts.failed, "--yes", cwd=copied).returncode == 0 and mine.exists()


def test_a_run_that_was_moved_into_a_folder_is_none(copied: Path, verdicts: Verdicts) -> None:
    (copied / "runs/old").mkdir()
    (copied / "runs" / verdicts.failed).rename(copied / "runs/old" / verdicts.failed)
    assert {row["run"] for row in data("list", cwd=copied)["runs"]} == {verdicts.passed, verdicts.undecided}
    assert chosen(LocalStore(copied / "runs"), None) == sorted([verdicts.passed, verdicts.undecided])
    with pytest.raises(IntegrityError, match="old has no spec in"):
        spec_of(LocalStore(copied / "runs"), "old")


def test_a_run_that_may_not_be_read_is_in_nobodys_way(copied: Path, verdicts: Verdicts, bound: list[str]) -> None:
    for file in (copied / "runs" / verdicts.failed / "spec").iterdir():
        file.chmod(0)
    done = cli("list", cwd=copied, before=bound)
    assert done.returncode == 0 and verdicts.passed in done.stdout and "Permission denied" in done.stderr
    pages = cli("report", cwd=copied, before=bound)
    assert (pages.returncode, "Permission denied" in pages.stderr, verdicts.passed in pages.stdout) == (4, True, True)


def test_of_many_runs_those_without_a_verdict_are_not_measured(copied: Path, verdicts: Verdicts) -> None:
    unjudged = (verdicts.failed, verdicts.undecided)
    for run in unjudged:
        for gate in (copied / "runs" / run).rglob("gate"):
            shutil.rmtree(gate)
    done = cli("benchmark", "--rounds", "1", "--batch", "1", cwd=copied)
    assert done.returncode == 0 and "chosen: " in done.stdout
    assert all(f"{run}: no round" in done.stderr for run in unjudged)
    shutil.rmtree(copied / "runs" / verdicts.passed)
    refused(cli("benchmark", cwd=copied), 2, "no round")


def test_a_list_while_a_run_is_deleted_is_of_what_is_there(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for number in range(300):
        store.put_once(f"r/{number % 30}/{number}", b"")
    store.put_once("s/spec/1", b"")
    deletion = Thread(target=delete, args=(store, "r"))
    deletion.start()
    while deletion.is_alive():
        assert "s/spec/1" in [*store.list()]
    assert [*store.list()] == ["s/spec/1"]


def test_a_run_that_is_deleted_meanwhile_is_no_bug(tmp_path: Path) -> None:
    with pytest.raises(Retryable, match="r was deleted meanwhile"), working(LocalStore(tmp_path), "r"):
        raise AssertionError("it was held")


def test_who_only_asks_is_not_at_work(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    other = os.open(tmp_path / "r", os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    assert not at_work(LocalStore(tmp_path), "r", sleep=lambda _: os.close(other))


def test_a_run_at_work_is_neither_deleted_nor_called_ended(copied: Path, verdicts: Verdicts) -> None:
    store = LocalStore(copied / "runs")
    with working(store, verdicts.failed):
        refused(cli("delete", verdicts.failed, "--yes", cwd=copied), 2, f"{verdicts.failed} is at work")
        found = {each["run"]: each["working"] for each in data("list", cwd=copied)["runs"]}
        assert found == {verdicts.passed: False, verdicts.failed: True, verdicts.undecided: False}
    assert not at_work(store, verdicts.failed)


def test_the_runner_holds_the_run_even_where_the_command_is_gone(tmp_path: Path) -> None:
    """The lock is a descriptor that the runner has as well: it ends with the last of both."""
    store = LocalStore(tmp_path)
    (tmp_path / "r").mkdir()
    with working(store, "r") as held:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=held)
    assert at_work(store, "r")
    child.communicate(b"\n", timeout=30)
    assert not at_work(store, "r")
