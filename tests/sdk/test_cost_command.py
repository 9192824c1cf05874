"""`ticketsmith cost` and the options of `run` and `report` that it shares: what is printed, and how it ends."""

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import GENEROUS, Verdicts, cli, flags

LIST = "date: 2026-11-30\nmachines:\n  small: {dollars_per_hour: 0.1, cores: 2}\n"


def cost(verdicts: Verdicts, *arguments: str, run: str | None = None) -> Any:
    return cli("cost", run or verdicts.passed, *arguments, cwd=verdicts.folder)


def test_a_run_has_a_cost_at_a_price(verdicts: Verdicts) -> None:
    done = cost(verdicts, "--price", "0.36", "-o", "json")
    found = json.loads(done.stdout)
    assert (done.returncode, done.stderr, found["unit"], found["per"]) == (0, "", "inference", 1_000_000)
    dense = next(arm for arm in found["arms"] if arm["arm"] == "dense")
    assert dense["dollars"]["mean"] == pytest.approx(100 / dense["replicas"] * dense["seconds"]["mean"])
    assert found["search"]["total"] > 0 and found["sentence"].startswith("A million inferences cost $")


def test_a_failed_run_has_no_saving_to_claim(verdicts: Verdicts) -> None:
    done = cost(verdicts, "--price", "0.36", run=verdicts.failed)
    assert done.returncode == 0 and "ticket is FAIL" in done.stdout and "no saving is claimed" in done.stdout


def test_a_list_names_the_machine_and_its_day(verdicts: Verdicts, tmp_path: Path) -> None:
    (file := tmp_path / "prices.yaml").write_text(LIST)
    done = cost(verdicts, "--prices", str(file), "--requests-per-day", "1e6")
    assert done.returncode == 0 and "for small (2026-11-30)" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "no price was given, and none is taken for granted"),
        (["--price", "-1"], "--price: expected dollars for an hour, above 0, got -1"),
        (["--price", "nan"], "above 0, got nan"),
        (["--price", "small"], "the name of a machine, got 'small'"),
        (["--prices", "none.yaml"], "cannot read none.yaml"),
        (["--requests-per-day", "5"], "--requests-per-day needs a price"),
        (["--price", "1", "--requests-per-day", "nan"], "expected a number, got nan"),
        (["--price", "1", "--requests-per-day", "-5"], "expected a number above 0"),
    ],
)
def test_wrong_usage_ends_with_two_and_a_fix(verdicts: Verdicts, arguments: list[str], problem: str) -> None:
    done = cost(verdicts, *arguments)
    assert (done.returncode, done.stdout) == (2, "") and problem in done.stderr and "fix:" in done.stderr


def test_a_list_without_a_day_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text(LIST.partition("\n")[2])
    done = cli("run", "imp", "--prices", "prices.yaml", *flags(GENEROUS), cwd=tmp_path)
    assert done.returncode == 2 and "date: missing" in done.stderr and not (tmp_path / "runs").exists()


def test_prices_change_no_run_id_and_add_a_section_to_the_report(verdicts: Verdicts) -> None:
    plain = cli("report", verdicts.passed, "-o", "json", cwd=verdicts.folder)
    priced = cli("report", verdicts.passed, "--price", "0.36", "-o", "json", cwd=verdicts.folder)
    again = cli("run", "imp", "--price", "0.5", *flags(GENEROUS), cwd=verdicts.folder)
    assert json.loads(plain.stdout)["cost"] is None
    assert json.loads(priced.stdout)["cost"]["rates"]["serve"]["dollars_per_hour"] == 0.36
    assert again.returncode == 0 and "A million inferences cost $" in again.stdout
    assert f"report: runs/{verdicts.passed}/" in again.stdout
    assert json.loads(priced.stdout)["findings"]["run_id"] == verdicts.passed
