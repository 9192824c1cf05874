"""Errors: each kind has its own exit code, and every message names the fix."""

import pickle
import re
from pathlib import Path

import pytest

from ticketsmith.errors import (
    Conflict,
    Denied,
    Diverged,
    IntegrityError,
    Retryable,
    TicketSmithError,
    UsageError,
    shown,
)
from ticketsmith.lottery.gate import EXIT_CODES

ROOT = Path(__file__).parents[2]
CODES = {Diverged: 1, UsageError: 2, Retryable: 3, Denied: 4, IntegrityError: 5, Conflict: 6, TicketSmithError: 70}


def test_every_kind_of_error_is_in_the_table() -> None:
    assert {TicketSmithError, *TicketSmithError.__subclasses__()} == set(CODES)


def test_codes_are_distinct_and_none_means_success() -> None:
    assert len(set(CODES.values()) | {EXIT_CODES["UNDECIDED"]}) == len(CODES) + 1
    assert 0 not in CODES.values()


def test_a_divergence_ends_like_a_fail() -> None:
    """Nothing can be concluded for the ticket, and nobody may read it as a PASS."""
    assert Diverged.code == EXIT_CODES["FAIL"] == 1


@pytest.mark.parametrize("kind", CODES, ids=lambda kind: kind.__name__)
def test_an_error_has_its_code_says_problem_and_fix_and_survives_the_way_out_of_a_worker(
    kind: type[TicketSmithError],
) -> None:
    error = kind("the disk is full", "free space")
    assert error.code == CODES[kind]
    assert str(error) == "the disk is full\n  fix: free space"
    arrived = pickle.loads(pickle.dumps(error))
    assert type(arrived) is kind
    assert (str(arrived), arrived.code) == (str(error), error.code)


@pytest.mark.parametrize("kind", CODES, ids=lambda kind: kind.__name__)
def test_an_error_names_its_page_unless_the_fix_is_all(kind: type[TicketSmithError]) -> None:
    page, _, anchor = kind.docs.partition("#")
    heads = re.split("^## (.+)$", (ROOT / page).read_text(), flags=re.MULTILINE)[1:]
    parts = {head.lower().replace(" ", "-"): text.strip() for head, text in zip(heads[::2], heads[1::2], strict=True)}
    assert parts[anchor].startswith(f"Exit code {kind.code}")
    said = shown(error := kind("the disk is full", "free space"))
    assert said == f"error: {error}" + f"\n  docs: {kind.docs}" * (kind is not UsageError)
