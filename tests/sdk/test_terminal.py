"""A run on a terminal: what it does, how long it takes, what it found, what it cost, and what comes next; and less, or
more, where that is asked for."""

import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from ticketsmith.cli.outset import outset
from ticketsmith.cli.pace import Pace
from ticketsmith.lottery.spec import Experiment
from ticketsmith.specs import overrides, read_spec
from ticketsmith.stores import open_store

from .conftest import GENEROUS, OFFLINE, SMALL, Verdicts, cli, flags

PLAIN = {name: value for name, value in OFFLINE.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
GREEN, RESET = "\x1b[32mPASS", re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def typed(*words: str, cwd: Path) -> tuple[int, str]:
    """The exit code of a command on a terminal of 80 columns, and all that it drew."""
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    argv, drawn = [sys.executable, "-m", "ticketsmith", *words], b""
    environment = PLAIN | {"TERM": "xterm-256color"}
    with subprocess.Popen(argv, stdin=inner, stdout=inner, stderr=inner, cwd=cwd, env=environment) as process:
        os.close(inner)
        while True:
            try:
                drawn += (more := os.read(outer, 65536))
            except OSError:  # Linux, where the other end was closed
                break
            if not more:
                break
    os.close(outer)
    return process.returncode, drawn.decode()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Everything that a run drew."""
    code, text = typed("run", "imp", *flags(GENEROUS), cwd=tmp_path_factory.mktemp("terminal"))
    assert code == 0, text
    return text


def seen(drawn: str) -> str:
    return RESET.sub("", drawn).replace("\r", "")


# --- the terminal's text ----------------------------------------------------------------------------------------------


def test_it_begins_with_the_plan_and_no_time_that_nobody_knows(drawn: str) -> None:
    start = seen(drawn).partition("level  sparsity")[0].replace("\n", " ")
    assert start.startswith("dense + 2 rounds x 3 arms, 5 replicates = 35 trainings, in runs/digits-mlp-")
    assert "about" not in start and "starting" in seen(drawn)


def test_within_a_round_it_says_how_far_it_is_and_how_long_it_will_take(drawn: str) -> None:
    assert re.search(r"steps \S+ +\d+/24 \d:\d\d:\d\d about [\d.]+ s of training left", seen(drawn))
    assert re.search(r"\nlevel \d \w+ train( \d/5)?", seen(drawn)), "the step at work has a line of its own"
    assert GREEN in drawn, "a verdict has its colour"


def test_it_ends_with_what_was_found_what_it_took_and_what_comes_next(drawn: str) -> None:
    end = seen(drawn).partition("\ntook ")[2]
    assert re.match(r"[\d.]+ (s|min) on \d+ workers: 35 trainings\n", end)
    assert 0 < end.index("Winning Ticket") < end.index("ADOPT") < end.index("report: ") < end.index("next:   ")


def test_ctrl_c_names_the_command_that_goes_on(after_interrupted: object) -> None:
    code, said, _ = after_interrupted[2]  # type: ignore[index]
    assert code == 130 and re.search(r"next:   ticketsmith resume digits-mlp-\w{12}\n", said)


@pytest.mark.parametrize("words", [("benchmark", "--batch", "3"), ("pack", "-o", "a.ticket")])
def test_pack_and_benchmark_show_that_they_work(copied: Path, verdicts: Verdicts, words: tuple[str, ...]) -> None:
    code, text = typed(words[0], verdicts.passed, *words[1:], "-v", cwd=copied)
    work = {"benchmark": "measuring level 2", "pack": "packing level 2"}[words[0]]
    assert code == 0 and len(re.findall(f"{work} ", seen(text))) > 2, text
    assert re.search(rf"{work}: [\d.]+ s", seen(text))


# --- the time -----------------------------------------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_time_that_is_left_is_measured_on_what_this_run_trained() -> None:
    clock = Clock()
    pace = Pace(30, clock)
    pace.hear({"event": "done", "step": "a/train", "fresh": False}, of=5)
    assert pace.left is None, "what was there says nothing"
    for now, event in enumerate([{"event": "start"}, {"event": "replicate", "done": 2}, {"event": "done"}]):
        clock.now = 10.0 * now
        pace.hear(event | {"step": "b/train"}, of=5)
    assert pace.trained == 5 and pace.left == 20 / 5 * 20
    clock.now = 25.0
    assert str(pace) == "about 75 s of training left"
    pace.hear({"event": "done", "step": "c/train"}, of=20)
    assert pace.left is None and str(pace) == ""


def spec(**more: object) -> Experiment:
    return read_spec(None, overrides(GENEROUS | more))


def test_the_plan_has_a_time_where_an_earlier_run_trained_as_long(verdicts: Verdicts) -> None:
    store = open_store(str(verdicts.store))
    line = outset(store, other := spec(seed=9), None, 2)
    plan, _, time = line.partition(f"{store.url}/{other.run_id()}; ")
    assert plan == "dense + 2 rounds x 3 arms, 5 replicates = 35 trainings, in "
    assert re.fullmatch(r"about [\d.]+ s of training, by the pace of digits-mlp-\w{12}", time)
    longer = outset(store, another := spec(**{"training.steps": 61}), None, 2)
    assert longer == plan + f"{store.url}/{another.run_id()}"


def test_the_plan_counts_what_is_there(verdicts: Verdicts, tmp_path: Path) -> None:
    shutil.copytree(verdicts.made / verdicts.passed, tmp_path / verdicts.passed)
    shutil.rmtree(tmp_path / verdicts.passed / "cohort-00" / "level-02")
    assert "= 35 trainings, in " in (line := outset(open_store(str(tmp_path)), spec(), None, 1)) and "; 20 are" in line


def test_the_plan_says_how_many_there_may_be() -> None:
    store = open_store("nowhere")
    assert "dense, 15 replicates = 15 trainings, in " in outset(store, spec(max_replicates=15), 0, 1)
    ladder = outset(store, spec(max_replicates=15, controls=["smaller"]), None, 1)
    assert "2 rounds x 1 arm + 6 smaller networks, 5 replicates = 45 trainings (15 replicates at most, " in ladder


# --- less and more ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("-q", "report"), ("report", "-q"), ("--quiet", "report", "-q")])
def test_quiet_is_results_alone_wherever_it_stands(verdicts: Verdicts, words: tuple[str, ...]) -> None:
    done, usual = cli(*words, verdicts.passed, cwd=verdicts.folder), cli("report", verdicts.passed, cwd=verdicts.folder)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", usual.stdout) and "next:" in usual.stderr


def test_quiet_trains_without_a_word_and_still_says_what_is_wrong(tmp_path: Path) -> None:
    done = cli("run", "dense", *flags(SMALL), "-q", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "") and "report: " in done.stdout
    assert cli("-q", "gate", "nothing", cwd=tmp_path).stderr.startswith("error: 'nothing' matches 0 runs")


def test_verbose_names_each_step_with_its_seconds_and_its_folder(tmp_path: Path) -> None:
    done = cli("run", "dense", *flags(SMALL), "--verbose", cwd=tmp_path)
    (folder,) = re.findall(r"^level 0 dense train: \d+\.\d s, (\S+)$", done.stderr, re.MULTILINE)
    assert (tmp_path / folder / "manifest.json").is_file()


def test_quiet_and_verbose_at_once_is_refused(tmp_path: Path) -> None:
    done = cli("-q", "list", "-v", cwd=tmp_path)
    assert done.returncode == 2 and "-q and -v: " in done.stderr


# --- colours ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "environment", "coloured"),
    [
        ([], {}, False),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--color", "always"], {"NO_COLOR": "1", "TERM": "dumb"}, True),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
        (["--color", "auto"], {"FORCE_COLOR": "1"}, True),
    ],
)
def test_the_option_stands_above_the_environment(
    verdicts: Verdicts, option: list[str], environment: dict[str, str], coloured: bool
) -> None:
    for words in ([*option, "gate", verdicts.passed], ["gate", verdicts.passed, *option]):
        argv = [sys.executable, "-m", "ticketsmith", *words]
        more = PLAIN | {"TERM": "xterm"} | environment
        done = subprocess.run(argv, cwd=verdicts.folder, env=more, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0 and (GREEN in done.stdout) is coloured, done


def test_a_terminal_that_is_to_have_no_colours_gets_none(verdicts: Verdicts) -> None:
    assert GREEN in typed("gate", verdicts.passed, cwd=verdicts.folder)[1]
    assert "\x1b" not in typed("report", verdicts.passed, "--color", "never", cwd=verdicts.folder)[1]


@pytest.mark.parametrize("words", [("run", "dense", *flags(SMALL)), ("benchmark", "--batch", "5"), ("pack", "-o", "b")])
def test_no_frame_is_drawn_into_a_pipe_that_is_to_have_colours(
    copied: Path, verdicts: Verdicts, words: list[str]
) -> None:
    run = [] if words[0] == "run" else [verdicts.passed]
    done = cli(*words, *run, "--color", "always", cwd=copied)
    assert done.returncode == 0, done.stderr
    assert not re.search(r"\x1b\[\d*[A-HJK]|\r", done.stderr + done.stdout) and len(done.stderr) < 2000
