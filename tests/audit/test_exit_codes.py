"""Ways to die by commands: 1 is a FAIL, or a training that diverged, and nothing else."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ticketsmith.lottery.results import Connectivity, Summary
from ticketsmith.lottery.stability import earliest

from ..sdk.conftest import CRUSHED, GENEROUS, OFFLINE, SMALL, Verdicts, field, flags, runner_of, until
from .conftest import shell

PASSED, FAILED = (" ".join(f"'{each}'" for each in flags(spec)) for spec in (GENEROUS, CRUSHED))
TOY = " ".join(f"'{each}'" for each in flags(SMALL))
NEW = f"run dense {TOY} --store new"  # starts a runner; nothing is there yet
MISSING, BROKEN, UNLOADABLE, MUTE, QUITTING, CRASHING, KILLED, BUGGY, CONFUSED, STRIPPED = (
    f"PYTHONPATH={{foreign}}/{name}:$PYTHONPATH"
    for name in (
        "missing",
        "broken",
        "unloadable",
        "mute",
        "quitting",
        "crashing",
        "killed",
        "buggy",
        "confused",
        "stripped",
    )
)
TORCH = "torch is not installed\n  fix: `pip install 'ticketsmith[runner]'`"
LIBRARY = "the installation is broken: libcudart.so.12"
SILENT = "the runner ended with 1 before it could say what happened\n  fix: "
SPACE = "the system refused: No space left on device\n  fix: "
SUMMARY = "GITHUB_STEP_SUMMARY=/no/such/folder/summary"

TABLE: dict[str, tuple[str, int, str]] = {
    # the reader of standard output leaves
    "left: gate, PASS": ("TS gate {passed} | true", 0, ""),
    "left: gate, FAIL": ("TS gate {failed} | true", 1, ""),
    "left: gate, UNDECIDED": ("TS gate {undecided} | true", 7, ""),
    "left: report": ("TS report {passed} | head -1", 0, ""),
    "left: run, PASS": (f"TS run imp {PASSED} 2>&1 | head -1", 0, ""),
    "left: run, FAIL": (f"TS run imp {FAILED} 2>&1 | head -1", 1, ""),
    "left: run at work": (f"TS {NEW}-left 2>&1 | head -1", 0, ""),
    "left: best": ("TS best {passed} | true", 0, ""),
    "left: help": ("TS run imp --help | true", 0, ""),
    "left: dry run": ("TS run imp --dry-run | true", 0, ""),
    "left: templates": ("TS templates lint | true", 0, ""),
    # what we write to is full
    "full: gate, PASS": ("TS gate {passed} > /dev/full", 3, SPACE),
    "full: gate, FAIL": ("TS gate {failed} > /dev/full", 3, SPACE),
    "full: report": ("TS report {passed} > /dev/full", 3, SPACE),
    "full: run": (f"TS run imp {PASSED} > /dev/full", 3, SPACE),
    "full: json": ("TS gate {passed} -o json > /dev/full", 3, SPACE),
    "full: errors of a FAIL": ("TS gate {failed} 2> /dev/full", 1, ""),
    "full: errors of a run": (f"TS run imp {PASSED} 2> /dev/full", 0, ""),
    "full: errors of an error": ("TS gate no-such-run 2> /dev/full", 2, ""),
    "closed: gate": ("TS gate {failed} >&-", 1, ""),
    "closed: errors": ("TS gate no-such-run 2>&-", 2, ""),
    # GitHub's file cannot be written
    "summary: report": (f"{SUMMARY} TS report {{passed}}", 0, "warning: no step summary: No such file"),
    "summary: run, PASS": (f"{SUMMARY} TS run imp {PASSED}", 0, "warning: no step summary: No such file"),
    "summary: run, FAIL": (f"{SUMMARY} TS run imp {FAILED}", 1, "warning: no step summary: No such file"),
    # the runner cannot start, or dies
    "torch missing: run dense": (f"{MISSING} TS {NEW}", 2, TORCH),
    "torch missing: rewind-point": (f"{MISSING} TS rewind-point {TOY} --store new", 2, TORCH),
    "torch missing: reproduce": (f"{MISSING} TS reproduce lth-lenet --store new", 2, TORCH),
    "torch missing: benchmark": (f"{MISSING} TS benchmark {{passed}} --rounds 3", 2, TORCH),
    "torch missing: pack": (f"{MISSING} TS pack {{passed}} -o new.ticket --replicate 1", 2, TORCH),
    "torch broken: run imp": (f"{BROKEN} TS run imp {TOY} --store new", 2, LIBRARY),
    "torch broken: benchmark": (f"{BROKEN} TS benchmark {{passed}} --rounds 3", 2, LIBRARY),
    "torch unloadable: run dense": (f"{UNLOADABLE} TS {NEW}", 2, LIBRARY),
    "mute: run dense": (f"{MUTE} TS {NEW}", 70, SILENT),
    "mute: run imp": (f"{MUTE} TS run imp {TOY} --store new", 70, SILENT),
    "mute: rewind-point": (f"{MUTE} TS rewind-point {TOY} --store new", 70, SILENT),
    "mute: benchmark": (f"{MUTE} TS benchmark {{passed}} --rounds 3", 70, SILENT),
    "mute: pack": (f"{MUTE} TS pack {{passed}} -o new.ticket --replicate 1", 70, SILENT),
    "quitting: run dense": (f"{QUITTING} TS {NEW}", 70, SILENT),
    "crashing: run dense": (f"{CRASHING} TS {NEW}", 70, "crashed: signal 11"),
    "killed: run dense": (f"{KILLED} TS {NEW}", 3, "ended by signal 9\n  fix: run "),
    "buggy: run dense": (f"{BUGGY} TS {NEW}", 70, "no_such_name"),
    # the command itself
    "command, a bug": (f"{CONFUSED} TS run imp --dry-run", 70, "internal error: ZeroDivisionError"),
    "command, a bug to look at": (f"TICKETSMITH_DEBUG=1 {CONFUSED} TS run imp --dry-run", 70, "in <module>"),
    "command, incomplete": (f"{STRIPPED} TS run imp --dry-run", 2, "pydantic is not installed\n  fix: `pip install"),
    # found nothing
    "none passed: best": ("TS best {failed}", 1, ""),
    "nothing judged: best": ("TS best {passed} --store empty", 2, "matches 0 runs in empty\n  fix: "),
    "too large: run dense": (f"TS {NEW} --set options.hidden=[1000000000]", 2, "GiB of memory, "),
    "no place for numba: run dense": (
        f"NUMBA_CACHE_LOCATOR_CLASSES=IPythonCacheLocator TS {NEW}-numba", 0, "set NUMBA_CACHE_DIR to",
    ),
    "diverged: run dense": (
        f"TS {NEW}-gone --set training.optimizer=sgd --set training.learning_rate=1e30", 1,
        "error: the dense training diverged (loss is NaN or infinite): replicate 0, 1, 2, 3, 4\n  fix: lower",
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", TABLE)
def test_the_code_is_the_documented_one_with_one_message(way: str, verdicts: Verdicts, foreign: Path) -> None:
    line, code, said = TABLE[way]
    for name, value in {**vars(verdicts), "foreign": foreign}.items():
        line = line.replace(f"{{{name}}}", str(value))
    done = shell(line, verdicts.folder)
    errors = done.stderr.decode()
    assert done.returncode == code, errors
    assert said in errors
    assert ("Traceback" in errors) is (way.startswith("buggy") or way.endswith("to look at")), errors
    assert errors.count("error: ") <= 1 + errors.count("Traceback")
    assert not list(verdicts.folder.glob("new/*/report")), "a report of nothing"


def test_a_training_that_diverged_is_said_in_the_report_and_again_by_the_same_command(verdicts: Verdicts) -> None:
    line = f"TS {NEW}-gone --set training.optimizer=sgd --set training.learning_rate=1e30"
    for _ in range(2):
        done = shell(line, verdicts.folder)
        assert done.returncode == 1
        assert b"diverged" in done.stdout.splitlines()[1] and b"not trained" not in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc")
def test_a_worker_that_is_killed_is_3_with_the_fix(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "ticketsmith", "run", "dense", *flags(SMALL | {"training.steps": 10**6})]
    process = subprocess.Popen(
        [*argv, "--workers", "2"], cwd=tmp_path, env=OFFLINE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    runner = until(lambda: runner_of(process))
    os.kill(until(lambda: worker_of(runner)), signal.SIGKILL)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 3
    assert "a worker process was killed" in said and "fix: run the same command again with fewer --workers" in said
    assert "Traceback" not in said


def worker_of(runner: int) -> int | None:
    """A worker, once it is at work (it ignores Ctrl-C from then on)."""
    for child in Path(f"/proc/{runner}/task/{runner}/children").read_text().split():
        if int(field(int(child), "SigIgn"), 16) >> (signal.SIGINT - 1) & 1:
            return int(child)
    return None


def test_rewind_point_without_a_stable_update_is_undecided(tmp_path: Path) -> None:
    """The data order decides here where a training of 60 updates ends."""
    done = shell(f"TS rewind-point {TOY} --after 0 -o json", tmp_path)
    tried = [Connectivity.model_validate(each) for each in json.loads(done.stdout)["tried"]]
    assert done.returncode == (0 if earliest(tried) else 7)
    assert isinstance(tried[0].instability, Summary)


def test_what_a_pod_says_with_1_counts_only_where_the_record_says_it_too(verdicts: Verdicts) -> None:
    """An interpreter that dies in a pod ends with 1 as well."""
    from ticketsmith.cli.attach import conclude_store
    from ticketsmith.cli.options import Output
    from ticketsmith.stores.local import LocalStore

    spec = verdicts.spec(verdicts.passed)
    told: dict[str, Any] = {}
    assert conclude_store(LocalStore(verdicts.folder / "empty"), verdicts.passed, spec, Output.json, told, 1) == 70
    assert conclude_store(LocalStore(verdicts.folder / "empty"), verdicts.passed, spec, Output.json, told, 5) == 5
    assert (
        conclude_store(LocalStore(verdicts.store), verdicts.failed, verdicts.spec(verdicts.failed), Output.json, told)
        == 1
    )
