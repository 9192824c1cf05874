"""Names that a spec may hold are those that the runner has, though the SDK never looks into the runner."""

from collections.abc import Sequence

import pytest

from ticketsmith.cli.measured import TOGETHER
from ticketsmith.errors import UsageError
from ticketsmith.lottery.choices import BACKENDS, CRITERIA, GRANULARITIES, TRAINERS
from ticketsmith_runner.backends import every
from ticketsmith_runner.names import load, names

FOLDERS = {"criteria": CRITERIA, "granularities": GRANULARITIES, "trainers": TRAINERS}


@pytest.mark.parametrize(("folder", "choices"), FOLDERS.items(), ids=list(FOLDERS))
def test_the_choices_are_the_files_of_the_folder(folder: str, choices: Sequence[str]) -> None:
    assert list(choices) == names(folder)


def test_the_choices_of_back_ends_are_those_that_are_built() -> None:
    assert list(BACKENDS) == sorted(every())


def test_the_trainer_of_all_replicates_in_one_process_is_the_one_that_estimates_know() -> None:
    assert [name for name in TRAINERS if hasattr(load("trainers", name), "group")] == [TOGETHER]


def test_a_file_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(UsageError) as caught:
        load("trainers", "stak")
    assert str(caught.value) == (
        "no 'stak' in trainers\n  fix: did you mean 'stack'? choose from csr-mlp, dense-mlp, eager, stack"
    )
