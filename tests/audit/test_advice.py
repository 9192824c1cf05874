"""Advice is executed as it is printed: each `next:` and each command in a `fix:`, in the state that it stands in.

Commands that need a cluster are executed against one in this process, in `../argo` (`CLOUD`).
"""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from ..sdk.conftest import flags
from .conftest import shell
from .states import FALLING, STORE, States

PLACE = f"--store '{STORE}'"
SOURCES = Path(__file__).parents[2]
ENDED = {0, 1, 7, 8}
"""Codes of a verdict."""
TRIED = {"run imp", "run imp --dry-run", "pack", "best", "benchmark", "verify", "report", "task check", "task new"}
CLOUD = {"doctor", "list", "status", "watch", "stop", "resume", "fetch", "submit", "templates apply", "logs", "open"}
"""Commands whose advice needs a cluster, or is about one: `../argo/test_commands.py` and `test_submit.py` have it."""


def told(line: str, states: States) -> tuple[int, str]:
    """Exit code of a line, and its standard error."""
    done = shell(line, states.folder)
    return done.returncode, done.stderr.decode()


def following(error: str) -> list[str]:
    """The commands after `next:`."""
    lines = error.partition("next:")[2].splitlines()
    return [line.strip() for line in lines if line.strip().startswith("ticketsmith ")]


def fixes(error: str) -> list[str]:
    """The commands in a `fix:`."""
    return [part for part in error.partition("fix:")[2].split("`") if part.startswith("ticketsmith ")]


def do(command: str, states: States) -> tuple[int, str, str]:
    """Code, standard output and error of a command that was printed."""
    done = shell(command.replace("ticketsmith ", "TS ", 1), states.folder)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def report(states: States, name: str) -> list[str]:
    code, error = told(f"TS report {states[name]} {PLACE}", states)
    assert code == 0, error
    return following(error)


def test_after_a_pass_a_package_and_rounds_past_the_target(states: States, tmp_path: Path) -> None:
    pack, further, *windows = report(states, "passed")
    code, said, error = do(pack, states)
    assert code == 0 and "level 2, " in said, error
    (verify,) = following(error)
    assert do(verify, states)[0] == 0
    assert "--until-fail" in further and all("pruning.granularity=window" in each for each in windows)
    shutil.copytree(states.store, tmp_path / STORE)
    for command in (further, *windows):
        done = shell(command.replace("ticketsmith ", "TS ", 1), tmp_path)
        assert done.returncode in ENDED and b"report: " in done.stdout and b"error:" not in done.stderr, done.stderr
    assert "-1.ticket" in report(states, "passed")[0]  # nothing is overwritten


def test_after_a_fail_the_level_that_passed(states: States) -> None:
    best, pack = report(states, "falling")
    assert do(best, states)[:2][0] == 0 and "level 3, 83.4% sparse" in do(best, states)[1]
    code, said, error = do(pack, states)
    assert code == 0 and "level 3, 83.4% sparse" in said, error


def test_after_a_fail_of_the_first_level_a_milder_run(states: States) -> None:
    (milder,) = report(states, "failed")
    code, said, error = do(milder, states)
    assert " --sparsity 0.96 " in milder and code in ENDED and "report: " in said, error


def test_an_undecided_run_goes_on_with_more_replicates(states: States) -> None:
    more, *best = report(states, "undecided")
    assert "--replicates 5 " not in more and len(best) <= 1  # but 10, which is the task's own number
    code, _, error = do(more, states)
    assert code in ENDED, error
    code, said, error = do(f"ticketsmith gate {states['undecided']} {PLACE} -o json", states)
    assert '"look": 2' in said, error  # the same run, and what was trained is kept


def test_an_invalid_run_is_trained_longer(states: States) -> None:
    (longer,) = report(states, "invalid")
    code, said, error = do(longer, states)
    assert "training.steps=120" in longer and code in ENDED and "report: " in said, error


def test_what_diverged_learns_slower(states: States) -> None:
    (slower,) = report(states, "diverged")
    code, said, error = do(slower, states)
    assert "training.learning_rate=1e+29" in slower and code in ENDED and "report: " in said, error


def test_an_unfinished_run_is_finished_by_every_fix(states: States) -> None:
    """With its seed, replicates and looks: another one would be begun elsewhere."""
    run = states["unfinished"]
    lines = (f"gate {run}", f"best {run}", f"benchmark {run}", f"pack {run} -o unfinished.ticket")
    ended = [told(f"TS {line} {PLACE}", states) for line in lines]
    assert [code for code, _ in ended] == [2] * 4
    (finish,) = {command for _, error in ended for command in fixes(error)}
    assert [finish] == report(states, "unfinished")
    priced = told(f"TS cost {run} {PLACE} --price 1", states)
    assert (priced[0], following(priced[1])) == (0, [finish])
    assert "--seed 3" in finish and "--max-replicates 10" in finish
    runs = {path.name for path in states.store.iterdir()}
    code, _, error = do(finish, states)
    assert code in ENDED and {path.name for path in states.store.iterdir()} == runs, error
    assert all(told(f"TS {line} {PLACE}", states)[0] in ENDED for line in lines)


def test_another_plan_is_told_what_goes_on(states: States) -> None:
    given = " ".join(map(repr, flags(FALLING)))
    code, error = told(f"TS run imp {given} --replicates 25 {PLACE}", states)
    same, fresh = (part for part in error.partition("fix:")[2].split("`") if part.startswith("--"))
    assert (code, same, fresh) == (2, "--replicates 20", "--seed 1"), error
    assert told(f"TS run imp {given} {same} {PLACE}", states)[0] in ENDED


def test_an_empty_store_is_filled_by_its_fix(states: States) -> None:
    code, error = told("TS report --store 'nothing here'", states)
    (start,) = fixes(error)
    assert code == 2 and start.endswith(" --store 'nothing here'")
    assert do(f"{start} --dry-run", states)[0] == 0


@pytest.mark.parametrize(
    "line", ["TS gate --stroe x", "TS run imp --set x=1", "TS run imp --sparsity 2", "TS run imp --task ''"]
)
def test_wrong_usage_names_a_command_that_helps(states: States, line: str) -> None:
    code, error = told(line, states)
    assert code == 2 and "fix: " in error
    assert [do(command, states)[0] for command in fixes(error)] in ([], [0])


def test_a_task_that_is_not_there_is_written_where_it_was_looked_for(states: States) -> None:
    (states.folder / "my tasks").mkdir(exist_ok=True)
    code, error = told("TS run imp --task 'my tasks/flowers.py'", states)
    (new,) = fixes(error)
    assert code == 2 and do(new, states)[0] == 0 and (states.folder / "my tasks" / "flowers.py").is_file()


def test_a_new_task_is_checked_and_run_as_it_says(states: States) -> None:
    (states.folder / "more tasks").mkdir(exist_ok=True)
    code, error = told("TS task new 'more tasks/stripes.py'", states)
    check, run = following(error)
    assert code == 0 and do(check, states)[0] == 0
    assert do(f"{run} --dry-run", states)[0] == 0  # its training is `../runner/test_templates.py`


def test_what_was_fetched_is_reported(states: States) -> None:
    code, error = told(f"TS fetch {states['falling']} {PLACE} --to 'my copy'", states)
    (again,) = following(error)
    assert code == 0 and do(again, states)[0] == 0


def test_an_unmeasured_run_is_measured_and_then_priced(states: States) -> None:
    """The benchmark alone is lost, as where a run was stopped in it."""
    shell(f"cp -r {PLACE.split(' ', 1)[1]} unmeasured && chmod -R u+w unmeasured", states.folder)
    for folder in (states.folder / "unmeasured" / states["falling"]).rglob("benchmark"):
        shell(f"rm -r '{folder}'", states.folder)
    line = f"TS cost {states['falling']} --store unmeasured --price 1"
    (measure,) = following(told(line, states)[1])
    assert do(measure, states)[0] == 0
    assert following(told(line, states)[1]) == []


def test_every_command_that_is_advised_is_known_here() -> None:
    """A new piece of advice is executed above, or is about a cluster."""
    found: dict[str, Any] = {}
    for path in [*SOURCES.glob("sdk/**/*.py"), *SOURCES.glob("runner/**/*.py"), *SOURCES.glob("workflows/**/*.py")]:
        lines = [line for line in path.read_text().splitlines() if '"""' not in line]
        for words in re.findall(
            r"`ticketsmith ((?:run imp --dry-run)|[a-z-]+(?: (?:imp|new|check|apply))?)", "\n".join(lines)
        ):
            found.setdefault(words, path.name)
    unknown = {words: name for words, name in found.items() if words not in TRIED | CLOUD}
    assert unknown == {}
