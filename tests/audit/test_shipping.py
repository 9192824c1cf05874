"""A package is what was judged: the level that passed, with its verdicts, and inputs as they were in training."""

import json
import shlex
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ticketsmith_runtime import load

from ..sdk.conftest import Warm
from .conftest import shell
from .states import STORE, TRAINED, States


def pack(states: States, name: str, to: Path, options: str = "") -> Any:
    return shell(f"TS pack {states[name]} --store '{STORE}' -o {to} {options}", states.folder)


def fixes(done: Any) -> list[str]:
    """The commands of a fix."""
    return [part for part in done.stderr.decode().split("`") if part.startswith("ticketsmith ")]


def test_the_level_that_best_names_is_packed(states: States, tmp_path: Path) -> None:
    done = pack(states, "falling", tmp_path / "a")
    named = json.loads(shell(f"TS best {states['falling']} --store '{STORE}' -o json", states.folder).stdout)
    origin = load(tmp_path / "a").ticket.provenance
    assert done.returncode == 0, done.stderr
    assert named["schema"] == "ticketsmith.best/1"
    assert (origin["level"], origin["sparsity"]) == (named["level"], named["sparsity"]) == (3, named["sparsity"])
    assert origin["verdict"]["status"] == "PASS" and origin["verdict"]["replicates"] == 5
    assert b"level 3, 83.4% sparse, replicate " in done.stdout
    assert b"the method, over 5 replicates: PASS, " in done.stdout
    assert f"this network alone, on its {origin['alone']['examples']} test examples: ".encode() in done.stdout


def test_what_is_said_is_in_the_package_and_in_json(states: States, tmp_path: Path) -> None:
    done = pack(states, "falling", tmp_path / "a", "--level 2 --json")
    model, said = load(tmp_path / "a"), json.loads(done.stdout)
    assert said.pop("schema") == "ticketsmith.pack/1"
    assert said.pop("report").endswith(f"/{states['falling']}/report.html")
    assert said == {"file": str(tmp_path / "a"), "bytes": (tmp_path / "a").stat().st_size, **model.ticket.provenance}
    assert said["level"] == 2 and said["alone"]["status"] in ("PASS", "UNDECIDED")
    assert f"the method, level 2 of {states['falling']}: PASS, " in model.explain()
    assert f"this network alone, replicate {said['replicate']}, on " in model.explain()


@pytest.mark.parametrize(("level", "status", "code"), [(6, "FAIL", 1), (4, "UNDECIDED", 7)])
def test_another_verdict_is_refused_with_its_code_and_two_ways_on(
    states: States, tmp_path: Path, level: int, status: str, code: int
) -> None:
    done = pack(states, "falling", tmp_path / "a", f"--level {level}")
    assert done.returncode == code and not list(tmp_path.iterdir())
    assert f"error: level {level}, ".encode() in done.stderr and f" is not packed: {status}: ".encode() in done.stderr
    passed, forced = fixes(done)
    for command, packed in ((passed, 3), (forced, level)):
        again = shell(command.replace("ticketsmith ", "TS "), states.folder)
        assert again.returncode == 0, again.stderr
        assert load(tmp_path / "a").ticket.provenance["level"] == packed
        (tmp_path / "a").unlink()


@pytest.mark.parametrize(("name", "status", "code"), [("failed", "fail", 1), ("invalid", "invalid", 8)])
def test_where_nothing_passed_nothing_is_packed_unless_told(
    states: States, tmp_path: Path, name: str, status: str, code: int
) -> None:
    done = pack(states, name, tmp_path / "a")
    (forced,) = fixes(done)
    assert (done.returncode, f"--level 1 --even-if {status} " in forced) == (code, True)
    assert shell(forced.replace("ticketsmith ", "TS "), states.folder).returncode == 0


@pytest.mark.parametrize(("level", "told", "code"), [(6, "undecided", 1), (4, "fail", 0), (3, "invalid", 0)])
def test_a_milder_verdict_is_allowed_and_a_harder_one_is_not(
    states: States, tmp_path: Path, level: int, told: str, code: int
) -> None:
    assert pack(states, "falling", tmp_path / "a", f"--level {level} --even-if {told}").returncode == code


def test_int8_that_nobody_judged_is_no_pass(states: States, tmp_path: Path) -> None:
    done = pack(states, "falling", tmp_path / "a", "--precision int8")
    assert done.returncode == 7 and b"UNDECIDED: in int8, nobody has judged it" in done.stderr
    plain, forced = fixes(done)
    assert "--precision" not in plain and "--precision int8" in forced
    for command, precision in ((forced, "int8"), (plain, "float32")):
        assert shell(command.replace("ticketsmith ", "TS "), states.folder).returncode == 0
        assert ("int8" in load(tmp_path / "a").ticket.provenance) is (precision == "int8")
        (tmp_path / "a").unlink()


def test_a_level_that_is_not_there_is_2_with_those_that_are(states: States, tmp_path: Path) -> None:
    done = pack(states, "falling", tmp_path / "a", "--level 7")
    assert done.returncode == 2 and b"choose --level from 1 (46.6%, PASS), 2 (70.8%, PASS)" in done.stderr


def test_a_level_is_measured_by_its_number(states: States) -> None:
    done = shell(f"TS benchmark {states['falling']} --store '{STORE}' --level 2", states.folder)
    assert done.returncode == 0 and b"; 70.8% sparse, replicate " in done.stdout


def test_a_folder_that_is_not_there_is_told_before_anything_is_measured(states: States, tmp_path: Path) -> None:
    done = pack(states, "falling", tmp_path / "out" / "a")
    assert done.returncode == 2 and b"there is no folder" in done.stderr
    assert shell(done.stderr.decode().split("`")[1], states.folder).returncode == 0 and (tmp_path / "out").is_dir()


def test_a_package_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    done = shell("TS verify nofile.ticket", tmp_path)
    assert done.returncode == 2 and b"nofile.ticket: there is no such file" in done.stderr


def test_raw_digits_reach_the_accuracy_of_scaled_ones(warm: Warm, tmp_path: Path) -> None:
    run = warm.run(TRAINED, tmp_path / "runs")
    done = shell(f"TS pack {shlex.quote(run)} -o my.ticket", tmp_path)
    assert done.returncode == 0, done.stderr
    file = distribution("scikit-learn").locate_file("sklearn/datasets/data/digits.csv.gz")
    table = np.loadtxt(str(file), delimiter=",", dtype=np.uint8)
    raw, truth = table[:, :-1], table[:, -1]
    scaled = (raw / 16 - 0.3053) / 0.3760
    plain, model = load(tmp_path / "my.ticket"), load(tmp_path / "my.ticket", raw=True)
    right = {name: (outputs.argmax(1) == truth).mean() for name, outputs in (
        ("raw", model(raw)), ("scaled", plain(scaled)), ("unscaled", plain(raw)))
    }  # fmt: skip
    assert right["raw"] == right["scaled"] > 0.99 > 0.97 > right["unscaled"]
    assert model.classes == tuple("0123456789")
