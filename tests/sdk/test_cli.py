"""The command line as a user meets it: one process a command, real runs, real signals.

Whatever goes wrong: the exit code says what kind of thing it is, the message names problem and fix, and what was
written before is still there.
"""

import json
import os
import shutil
import signal
import sys
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ticketsmith.cli.progress import Rounds
from ticketsmith.cli.show import exit_code, verdict_of
from ticketsmith.ledger import Ledger
from ticketsmith.lottery.imp import imp
from ticketsmith.lottery.steps import Benchmark
from ticketsmith.specs import overrides, read_spec
from ticketsmith.stores.local import LocalStore

from .conftest import CRUSHED, GENEROUS, Begin, Verdicts, Warm, cli, flags, tree

SHORT = [*flags(GENEROUS), "--dry-run"]


@pytest.fixture(scope="module", autouse=True)
def _begun(background: Begin) -> None:
    """The long scenarios run while the short tests do."""


def refused(done: Any, code: int, problem: str) -> None:
    """The code, the problem and its fix on standard error, nothing on standard output, and no traceback."""
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert problem in done.stderr
    assert "\n  fix: " in done.stderr and done.stderr.count("\n  docs: docs/errors.md#") == (code != 2)
    assert "Traceback" not in done.stderr and "internal error" not in done.stderr


# --- wrong use: 2 -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("run imp --config missing.yaml", "error: cannot read missing.yaml: No such file or directory"),
        ("run imp --config broken.yaml", "error: broken.yaml is not a YAML spec: while parsing a flow mapping"),
        ("run imp --config unknown.yaml", "  - sparsty: unknown key. "),
        ("run imp --sparsity 1.5", "  - pruning.sparsity: expected less than 1, got 1.5"),
        (
            "run imp --sparsity high",
            "error: Invalid value for '--sparsity': expected a share such as 0.8 or 80%, got high",
        ),
        ("run imp --task digit-mlp", "error: no task 'digit-mlp'\n  fix: did you mean 'digits-mlp'?"),
        ("run imp --sparsty 0.8", "error: No such option: --sparsty"),
        ("run imp --set seed", "error: --set: expected KEY=VALUE, got 'seed'"),
        ("run imp --set sed=1", "  - sed: unknown key. did you mean 'seed'?"),
        ("run imp --store file", "error: file/"),
        ("run imp --store s3://bucket", "error: store: no back-end for 's3://bucket'"),
        ("rnu imp", "error: No such command 'rnu'"),
        ("gate", "error: Missing argument 'RUN'"),
        ("gate digits", "error: 'digits' matches 0 runs in runs"),
        ("report", "error: no runs in 'runs'"),
    ],
)
def test_a_wrong_command_says_what_is_right(tmp_path: Path, arguments: str, problem: str) -> None:
    (tmp_path / "broken.yaml").write_text("model: {name: mlp\n")
    (tmp_path / "unknown.yaml").write_text("sparsty: 0.8\n")
    (tmp_path / "file").write_text("mine")
    before = tree(tmp_path)
    refused(cli(*arguments.split(), cwd=tmp_path), 2, problem)
    assert tree(tmp_path) == before


def test_a_command_without_its_arguments_is_answered_with_its_help(tmp_path: Path) -> None:
    done = cli("run", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: ") and "imp " in done.stderr


def test_several_runs_that_match_are_named(verdicts: Verdicts) -> None:
    done = cli("gate", "digits-mlp", cwd=verdicts.folder)
    refused(done, 2, "error: 'digits-mlp' matches 3 runs in runs")
    assert all(run in done.stderr for run in (verdicts.passed, verdicts.failed, verdicts.undecided))


# --- the world is in the way: 3, 4 ------------------------------------------------------------------------------------


def test_a_full_disk_may_work_later(tmp_path: Path) -> None:
    """A shell in which no file may grow stands in for it."""
    shell = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh"]
    refused(cli("run", "imp", *flags(GENEROUS), cwd=tmp_path, before=shell), 3, "error: cannot write ")
    assert tree(tmp_path) == {}


def test_a_store_that_may_not_be_written_is_denied(tmp_path: Path, bound: list[str]) -> None:
    (tmp_path / "runs").mkdir(mode=0o555)
    done = cli("run", "imp", *flags(GENEROUS), cwd=tmp_path, before=bound)
    refused(done, 4, "Permission denied\n  fix: choose a writable folder with --store")
    assert tree(tmp_path) == {}


def test_data_that_cannot_be_fetched_may_work_later(after_no_mnist: Any) -> None:
    done, folder = after_no_mnist
    refused(done, 3, "empty' and could not be downloaded: ")
    assert "or give the folder that holds MNIST/raw with --data-root" in done.stderr
    keys = list(LocalStore(folder / "runs").list())
    assert keys == []  # without its data a spec has no id


# --- integrity: 5 -----------------------------------------------------------------------------------------------------


@pytest.fixture
def copied(verdicts: Verdicts, tmp_path: Path) -> Path:
    """A copy of the run that passed, to damage, in a folder `runs`."""
    shutil.copytree(verdicts.made / "questions", tmp_path / "runs" / "questions")
    shutil.copytree(verdicts.made / verdicts.passed, tmp_path / "runs" / verdicts.passed)
    return tmp_path


@pytest.mark.parametrize("command", ["report", "gate", "run imp"])
def test_a_corrupted_artifact_is_named_and_nothing_is_changed(copied: Path, command: str) -> None:
    verdict = next(copied.glob("runs/*/cohort-00/level-02/ticket/gate/verdict.json"))
    verdict.chmod(0o644)
    verdict.write_bytes(verdict.read_bytes().replace(b"PASS", b"FAIL"))
    before = tree(copied)
    arguments = {"gate": ["digits"], "run imp": flags(GENEROUS)}.get(command, [])
    done = cli(*command.split(), *arguments, cwd=copied)
    refused(done, 5, "level-02/ticket/gate: verdict.json is corrupted: expected ")
    assert tree(copied) == before


def test_a_corrupted_tensor_ends_the_runner_and_moving_its_level_away_mends_it(
    copied: Path, warm: Warm, verdicts: Verdicts
) -> None:
    """As the message advises; what is made anew is what was there."""
    level = next(copied.glob("runs/*/cohort-00/level-02"))
    shutil.rmtree(level / "ticket" / "rewind")
    mask = level / "ticket" / "prune" / "mask.safetensors"
    mask.chmod(0o644)
    mask.write_bytes(mask.read_bytes()[:-1])
    warm.start(GENEROUS, copied / "runs")
    assert warm.wait() == 5
    said = warm.log.read_text()
    assert "level-02/ticket/prune: mask.safetensors is corrupted: expected " in said
    assert "\n  fix: move " in said and "Traceback" not in said
    shutil.move(level, copied / "away")
    warm.run(GENEROUS, copied / "runs")
    assert tree(copied / "runs" / verdicts.passed) == tree(verdicts.made / verdicts.passed)


# --- a dense training that diverges: 1 --------------------------------------------------------------------------------


def test_a_diverged_dense_training_is_a_fail_that_is_kept_and_reported(after_diverged: Any) -> None:
    done, folder = after_diverged
    assert done.returncode == 1
    assert "error: the dense training diverged (loss is NaN or infinite): replicate 0 at update 20" in done.stderr
    assert "\n  fix: lower training.learning_rate (now 1e+30); what was trained is kept" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    keys = list(LocalStore(folder / "runs").list())
    assert [key.partition("/")[2] for key in keys if key.endswith("/manifest.json")] == [
        "cohort-00/level-00/dense/train/manifest.json"
    ]
    assert sorted(key.rpartition("/")[2] for key in keys if "/report/" in key) == [
        "report.html",
        "report.json",
        "report.md",
    ]
    refused(cli("gate", "digits", cwd=folder), 2, "has no verdict at 80.0% yet")


# --- verdicts: 0, 1, 7 ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "code"), [("passed", 0), ("failed", 1), ("undecided", 7)])
def test_the_gate_exits_with_the_verdict(verdicts: Verdicts, name: str, code: int) -> None:
    run = getattr(verdicts, name)
    done = cli("gate", run, cwd=verdicts.folder)
    verdict = verdicts.verdict(run)
    assert (done.returncode, done.stderr) == (code, "")
    said, *beside = done.stdout.splitlines()
    assert said == f"{verdict.status} at {verdict.sparsity:.1%} sparsity: {verdict.reason}"
    assert [" trainings lost more than " in line for line in beside] == ([True] if verdict.status == "PASS" else [])
    assert verdict.status == {0: "PASS", 1: "FAIL", 7: "UNDECIDED"}[code]


def test_after_a_fail_no_round_is_taken_but_speed_and_report_are(verdicts: Verdicts) -> None:
    keys = [key.removeprefix(f"{verdicts.failed}/") for key in LocalStore(verdicts.store).list(f"{verdicts.failed}/")]
    assert {key.split("/")[1] for key in keys if key.startswith("cohort-")} == {"level-00", "level-01"}
    assert [key for key in keys if key.endswith("speed.json")]
    assert [key for key in keys if key.endswith("report.html")]
    assert not verdicts.spec(verdicts.failed).benchmark.batch_sizes[1:]


def test_a_pass_on_the_way_is_no_verdict_of_a_run_that_may_stop(verdicts: Verdicts, tmp_path: Path) -> None:
    """Killed after a round that passed, with the target still ahead: nothing is decided."""
    spec = read_spec(None, overrides(GENEROUS | {"stop_on_fail": True}))
    shutil.copytree(verdicts.made / verdicts.passed, tmp_path / verdicts.passed)
    ledger = Ledger(LocalStore(tmp_path), verdicts.passed)
    verdict = verdict_of(ledger, spec)
    assert verdict is not None and verdict.level == 2
    shutil.rmtree(tmp_path / verdicts.passed / "cohort-00" / "level-02")
    assert exit_code(verdict_of(ledger, spec)) == 0


def test_progress_hears_of_steps_that_only_an_early_stop_has() -> None:
    spec = read_spec(None, overrides(CRUSHED))
    seen = Rounds(spec, None)
    early = next(step for step in imp(spec, last=1) if isinstance(step, Benchmark))
    assert early.key not in {step.key for step in imp(spec)}
    for kind in ("start", "done"):
        seen.hear({"event": kind, "step": early.key})
    assert seen.running == {}


def test_progress_shows_the_sparsity_of_the_ticket_beside_smaller_networks() -> None:
    spec = read_spec(None, {"pruning": {"sparsity": 0.36}, "controls": ["smaller"]})
    seen = Rounds(spec, None)
    for arm, sparsity in (("ticket", 0.36), ("half", 0.68)):
        step = f"cohort-00/level-02/{arm}"
        seen.hear({"event": "done", "step": f"{step}/train", "score": "97 %", "metric": "accuracy"})
        seen.hear({"event": "done", "step": f"{step}/gate", "status": "PASS", "sparsity": sparsity})
    assert seen.arms == ["ticket", "half", "half-long", "smaller", "smaller-long"]
    assert seen.cells[2, "sparsity"] == "36.0%" and seen.cells[2, "half"] == "97 % PASS"


# --- data on standard output ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["gate", "{run}"], ("status", "PASS")),
        (["report", "{run}"], ("schema", "ticketsmith.report/3")),
        (["run", "imp", *flags(GENEROUS)], ("schema", "ticketsmith.report/3")),
        (["run", "imp", *flags(GENEROUS), "--dry-run"], ("run", "{run}")),
        (["run", "dense", *flags(GENEROUS)], ("schema", "ticketsmith.report/3")),
    ],
    ids=lambda value: " ".join(value[:2]),
)
def test_json_is_all_that_is_on_standard_output(verdicts: Verdicts, arguments: list[str], expected: Any) -> None:
    """On a finished run, which starts nothing."""
    before = tree(verdicts.store)
    done = cli(*(part.replace("{run}", verdicts.passed) for part in arguments), "-o", "json", cwd=verdicts.folder)
    assert done.returncode == 0, done.stderr
    key, value = expected
    assert json.loads(done.stdout)[key] == value.replace("{run}", verdicts.passed)
    assert tree(verdicts.store) == before


# --- the doors --------------------------------------------------------------------------------------------------------


def test_train_and_prune_are_run_dense_and_run_imp(verdicts: Verdicts) -> None:
    for module, command in (("ticketsmith.train", "dense"), ("ticketsmith.prune", "imp")):
        door = cli(*SHORT, cwd=verdicts.folder, module=module)
        assert (door.returncode, door.stderr) == (0, "")
        assert door.stdout == cli("run", command, *SHORT, cwd=verdicts.folder).stdout


def test_prune_takes_a_config(verdicts: Verdicts) -> None:
    (verdicts.folder / "spec.yaml").write_text(verdicts.spec(verdicts.passed).model_dump_json())
    door = cli("--config", "spec.yaml", cwd=verdicts.folder, module="ticketsmith.prune")
    assert door.returncode == 0, door.stderr
    assert "Winning Ticket" in door.stdout
    assert f"report: runs/{verdicts.passed}/report.html" in door.stdout


def test_report_reports_every_run(verdicts: Verdicts) -> None:
    door = cli("--runs-prefix", "runs", cwd=verdicts.folder, module="ticketsmith.report")
    assert door.returncode == 0, door.stderr
    assert door.stdout == cli("report", "--runs-prefix", "runs", cwd=verdicts.folder).stdout
    assert all(run in door.stdout for run in (verdicts.passed, verdicts.failed, verdicts.undecided))


def test_benchmark_measures_a_run(verdicts: Verdicts) -> None:
    before = tree(verdicts.store)
    options = [verdicts.passed, "--runs-prefix", "runs", "--batch", "2", "--batch", "3", "--rounds", "1"]
    door = cli(*options, "-o", "json", cwd=verdicts.folder, module="ticketsmith.benchmark_cli")
    assert door.returncode == 0, door.stderr
    assert {row["batch_size"] for row in json.loads(door.stdout)["rows"]} == {2, 3}
    added = tree(verdicts.store).keys() - before.keys()
    assert {tuple(key.split("/"))[1] for key in added} == {"spec", "cohort-00"}


# --- killed, and run again --------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="finds the runner in /proc")
class TestInterrupted:
    """One command four times: its runner SIGKILLed, its runner SIGTERMed, Ctrl-C, and left alone."""

    def test_a_killed_runner_may_work_later(self, after_interrupted: Any) -> None:
        code, said, _ = after_interrupted[0]
        assert code == 3
        assert "error: the runner was ended by signal 9\n  fix: run the same command again" in said

    def test_a_terminated_runner_asks_to_be_run_again(self, after_interrupted: Any) -> None:
        assert after_interrupted[1][0] == 75

    def test_ctrl_c_says_how_to_go_on(self, after_interrupted: Any) -> None:
        code, said, files = after_interrupted[2]
        assert code == 130
        assert "interrupted: finished steps are kept, the same command resumes" in said
        assert any(name.endswith("level-00/dense/train/manifest.json") for name in files)

    def test_a_command_that_is_terminated_takes_its_runner_with_it_and_asks_to_be_run_again(
        self, after_interrupted: Any
    ) -> None:
        assert after_interrupted[3][0] == 75

    def test_the_same_command_resumes_and_stops_at_the_fail(self, after_interrupted: Any) -> None:
        code, said, files = after_interrupted[4]
        assert code == 1, said
        assert "FAIL" in said and "report: runs/" in said
        assert not any("level-02" in name for name in files)

    def test_there_is_no_traceback(self, after_interrupted: Any) -> None:
        assert not [said for _, said, _ in after_interrupted if "Traceback" in said or "internal error" in said]

    def test_nothing_is_lost_on_the_way(self, after_interrupted: Any) -> None:
        for (_, _, before), (_, _, after) in pairwise(after_interrupted):
            assert before.items() <= after.items()

    def test_the_end_is_that_of_an_uninterrupted_run(self, after_interrupted: Any, verdicts: Verdicts) -> None:
        whole = {name: data for name, data in tree(verdicts.made).items() if verdicts.failed in name}
        assert {name: data for name, data in after_interrupted[4][2].items() if verdicts.failed in name} == whole


def test_a_runner_killed_at_any_moment_goes_on_to_the_same_bytes(
    warm: Warm, verdicts: Verdicts, tmp_path: Path
) -> None:
    """SIGKILL after any number of files, temporary ones included, until the run gets through."""
    random, kills, files = Random(0), 0, 0
    for _ in range(40):
        run, pid = warm.start(GENEROUS, tmp_path, "--workers", "2")
        aim = files + random.randint(0, 9)
        while (files := sum(len(names) for _, _, names in os.walk(tmp_path))) <= aim and not ended(pid):
            pass
        if not ended(pid):
            os.kill(pid, signal.SIGKILL)
        if (code := warm.wait()) == 0:
            break
        assert code == -signal.SIGKILL
        kills += 1
    assert code == 0
    assert kills >= 3
    expected = {
        n: d for n, d in tree(verdicts.made / run).items() if not n.startswith("spec/") and "benchmark" not in n
    }
    assert {
        n: d for n, d in tree(tmp_path / run).items() if not n.startswith("spec/") and "benchmark" not in n
    } == expected


def ended(pid: int) -> bool:
    """Has a process ended? Its parent may have collected it already."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False
