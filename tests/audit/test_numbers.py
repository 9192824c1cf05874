"""Every number at the end of its range: refused with what was expected, or taken; never a traceback, never swapping."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from pydantic import BaseModel

from ticketsmith.cli import main
from ticketsmith.errors import UsageError
from ticketsmith.lottery.imp import imp
from ticketsmith.lottery.spec import Experiment
from ticketsmith.specs import overrides, read_spec
from ticketsmith_runner.looks import crossing, nominal
from ticketsmith_runner.room import needed, refuse_what_does_not_fit

from ..runner.conftest import Run

EXTREMES = (float("nan"), float("inf"), -float("inf"), 0, -1, 1e308, 5e-324, 1 - 2**-53, 10**9, 2**63, 10**30)


@pytest.fixture(autouse=True)
def denormals() -> Iterator[None]:
    """A context flushes them, and the smallest number of all is one."""
    yield
    torch.set_flush_denormal(False)


def numbers(model: type[BaseModel], at: str = "") -> Iterator[str]:
    """The path of every field that holds a number, or several."""
    for name, field in model.model_fields.items():
        kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if isinstance(kind, type)]
        if section := next((kind for kind in kinds if issubclass(kind, BaseModel)), None):
            yield from numbers(section, f"{at}{name}.")
        elif any(kind in str(field.annotation) for kind in ("int", "float")):
            yield f"{at}{name}"


FIELDS = list(numbers(Experiment))


def test_every_number_of_a_spec_is_tried() -> None:
    assert len(FIELDS) == 29 and {"gate.collapse.by", "max_replicates"} <= set(FIELDS)


@pytest.mark.parametrize("field", FIELDS)
def test_a_spec_takes_a_number_or_says_what_it_expected(field: str, tmp_path: Path) -> None:
    for value in EXTREMES:
        given = [value] if field in ("benchmark.batch_sizes", "training.milestones") else value
        try:
            spec = read_spec(None, overrides({field: given}))
        except UsageError as error:
            assert field in str(error)
        else:
            assert list(islice(imp(spec), 3))
            assert needed(Run(spec, tmp_path / str(value)).context, 2)


BOUNDED = {
    "max_replicates": (10**9, "at most 40, which the gate's 4 looks allow"),
    "benchmark.threads": (10**9, "expected at most 1024"),
    "pruning.fraction": (5e-324, "expected at most 999 rounds"),
}


@pytest.mark.parametrize("field", BOUNDED)
def test_what_no_machine_could_do_is_refused(field: str) -> None:
    value, problem = BOUNDED[field]
    with pytest.raises(UsageError, match=problem):
        read_spec(None, overrides({field: value}))


@pytest.mark.parametrize(
    ("option", "value"),
    [(o, v) for o in ("--max-hours", "--max-cost", "--price") for v in ("nan", "inf", "-1")] + [("--max-hours", "0")],
)
def test_an_option_is_a_finite_number(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["submit", "imp", "--store", "gs://bucket/runs", "--dry-run", option, value, "-o", "json"])
    said = capsys.readouterr()
    assert (end.value.code, said.out) == (2, "") and option in said.err and "\n  fix: " in said.err


@pytest.mark.parametrize("value", ["nan", "inf", "0", "-1", "1e3", "9" * 5000])
def test_replicates_are_a_number_too(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["run", "imp", "--dry-run", f"--replicates={value}"])
    assert end.value.code == 2 and "replicates" in capsys.readouterr().err


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999999, 1 - 2**-40])
@pytest.mark.parametrize("looks", [2, 5, 20])
def test_each_look_is_held_to_a_level_however_high_all_are(confidence: float, looks: int) -> None:
    """The bracket ended at five standard errors; a confidence of 0.999999 asks for more at several looks."""
    level = nominal(confidence, looks)
    assert confidence < level < 1
    from scipy.special import ndtri

    assert crossing(float(ndtri(level)), looks) == pytest.approx(1 - confidence, rel=0.02)


HUGE: dict[str, Any] = {
    "options.hidden": [10**9],
    "replicates": 10**9,
    "training.evaluate_every": 10**9,
    "benchmark.batch_sizes": [10**9],
}


@pytest.mark.parametrize("field", HUGE)
def test_what_cannot_fit_into_memory_is_refused_before_any_work_with_the_numbers(field: str, tmp_path: Path) -> None:
    spec, named = read_spec(None, overrides({field: HUGE[field], "training.steps": 10**9})), field.split(".hidden")[0]
    sentence = rf"(?s){named}: .* GiB of memory, 64.0 GiB are here\n  fix: a smaller {named}"
    with pytest.raises(UsageError, match=sentence):
        refuse_what_does_not_fit(Run(spec, tmp_path).context, 2, available=64 * 2**30)


@pytest.mark.parametrize("name", ["digits-mlp", "mnist-lenet300"])
def test_the_tasks_of_ours_fit_into_a_small_container(name: str, tmp_path: Path, data_root: str) -> None:
    spec = read_spec(None, {"task": name}, data_root)
    refuse_what_does_not_fit(Run(spec, tmp_path, data_root).context, 8, available=2 * 2**30)
