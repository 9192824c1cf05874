"""Rounds past the target, until quality is lost: the same run goes on, and what it had found stays."""

import shlex
from pathlib import Path

import pytest

from ticketsmith.documents import canonical
from ticketsmith.ledger import Ledger, spec_key
from ticketsmith.plans import held
from ticketsmith.runs import complete, spec_of
from ticketsmith.specs import overrides, read_spec
from ticketsmith.stores.local import LocalStore

from .conftest import SMALL, Warm, cli, data, flags, tree
from .test_cli import refused

FALLING = SMALL | {
    "controls": [],
    "pruning.fraction": 0.5,
    "pruning.sparsity": 0.5,
    "gate.margin": 0.2,
    "benchmark.precision": ["fp32"],
}
"""87.5 % passes, 97 % fails."""


@pytest.fixture(scope="module")
def further(tmp_path_factory: pytest.TempPathFactory, warm: Warm) -> tuple[Path, str, dict[str, bytes], str]:
    """A run that passed at its target, gone on with by the command that it advises; its files before, and its words."""
    folder = tmp_path_factory.mktemp("further")
    run = warm.run(FALLING, folder / "runs")
    before = tree(folder / "runs" / run)
    advised = cli("report", run, cwd=folder).stderr
    (line,) = [line for line in advised.splitlines() if "--until-fail" in line]
    done = cli(*shlex.split(line)[1:], cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, run, before, done.stdout + done.stderr


def test_the_run_goes_on_where_it_is_and_keeps_what_it_found(further: tuple[Path, str, dict[str, bytes], str]) -> None:
    folder, run, before, _ = further
    after = tree(folder / "runs" / run)
    assert before.items() <= after.items()
    levels = sorted({key.split("/")[1] for key in after if key.startswith("cohort-")})
    assert levels[:3] == ["level-00", "level-01", "level-02"] and len(levels) > 4
    assert [path.parts[-5] for path in (folder / "runs" / run).glob("**/speed.json")] == ["level-01"]


def test_both_ends_are_said_and_nothing_more_is_advised(further: tuple[Path, str, dict[str, bytes], str]) -> None:
    folder, run, _, said = further
    flat = " ".join(said.split())
    assert "ADOPT at 50.0 %" in flat and "87.5 % passed; at " in flat and "quality is surely lost" in flat
    assert "ticketsmith pack" in said and "run imp" not in said.partition("next:")[2]
    found = data("status", run, cwd=folder)
    judged = {each["level"]: each["status"] for each in found["rounds"]}
    assert judged[1] == "PASS" and judged[max(judged)] == "FAIL" and not found["missing"]


def test_run_again_does_nothing_and_pack_takes_the_level_that_best_names(
    further: tuple[Path, str, dict[str, bytes], str], tmp_path: Path
) -> None:
    folder, run, _, _ = further
    before = tree(folder / "runs" / run)
    assert cli("run", "imp", *flags(FALLING), "--until-fail", cwd=folder).returncode == 0
    assert tree(folder / "runs" / run) == before
    done = cli("pack", run, "-o", str(tmp_path / "a.ticket"), cwd=folder)
    assert done.returncode == 0 and "level 3, 87.5% sparse" in done.stdout, done.stderr
    assert "level 3 is past the target, level 1: --level 1 packs that" in done.stderr


def first(folder: Path, run: str) -> str:
    """The first line of what `resume` says."""
    done = cli("resume", run, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()[0]


def test_a_run_that_was_asked_to_go_on_is_resumed_past_its_target(tmp_path: Path, warm: Warm) -> None:
    """Interrupted before the first step of the next round: nothing is there but the spec."""
    run = warm.run(FALLING, tmp_path / "runs")
    asked = spec_of(store := LocalStore(tmp_path / "runs"), run).model_copy(update={"until_fail": True})
    store.put_once(spec_key(run, asked), canonical(asked.model_dump(mode="json")))
    assert spec_of(store, run).until_fail and not complete(Ledger(store, run), asked)
    assert first(tmp_path, run).startswith("dense + 2 rounds x 1 arm")


def test_further_looks_judge_every_round_and_leave_it_out(tmp_path: Path, warm: Warm) -> None:
    run = warm.run(FALLING, tmp_path / "runs")
    asked = read_spec(None, overrides(FALLING | {"until_fail": True, "replicates": 10}))
    found = held(Ledger(LocalStore(tmp_path / "runs"), run), asked)
    assert (found.replicates, found.max_replicates, found.until_fail) == (5, 10, False)


def test_cohorts_and_rounds_past_the_target_exclude_each_other(tmp_path: Path) -> None:
    done = cli("run", "imp", "--replicates", "auto", "--until-fail", cwd=tmp_path)
    refused(done, 2, "until_fail: expected false with max_replicates: later cohorts judge every round")
