"""The chance that a repetition passes: held to repetitions, and to what docs/certificates.md says of it."""

import re
from pathlib import Path

import numpy as np
import pytest

from ticketsmith.certificates import Certified, Claim, certificate
from ticketsmith.cli.reproduce import table
from ticketsmith.lottery.results import Summary
from ticketsmith_runner.certify import add_up, check
from ticketsmith_runner.repetition import chance
from ticketsmith_runner.statistics import summary, t_quantile

PAGE = (Path(__file__).parents[2] / "docs" / "certificates.md").read_text()
BLOCKS = re.findall(r"```text\n(lth-lenet .*?)\n```", PAGE, re.DOTALL)
HEAD = re.compile(r"(\S+) \(.*\), budget (\w+): run (\S+), ticketsmith (\S+)")
LINE = re.compile(
    r" +(?P<published>\S+)  .* to \S+ +(?P<mean>\S+)(?: \[(?P<low>\S+), (?P<high>\S+)\])?  (?:pass|FAIL) "
)


@pytest.mark.parametrize("n", [3, 5, 8])
@pytest.mark.parametrize(("below", "above"), [(1.0, 1.0), (0.2, 2.0), (-0.5, 3.0)])
def test_repetitions_pass_as_often_as_is_said(n: int, below: float, above: float) -> None:
    """20,000 pairs of studies; the tolerance lies so many standard errors of the first below and above its mean."""
    generator = np.random.default_rng(n)
    first, second = generator.normal(size=(2, 20_000, n))
    mean, se = first.mean(1), first.std(1, ddof=1) / np.sqrt(n)
    within = (mean - below * se <= second.mean(1)) & (second.mean(1) <= mean + above * se)
    one = summary(first[0].tolist())
    assert one.se is not None
    said = chance(one, one.mean - below * one.se, one.mean + above * one.se)
    assert said == pytest.approx(within.mean(), abs=0.012)


def test_what_does_not_vary_comes_again() -> None:
    same = summary([2.0, 2.0, 2.0])
    assert (chance(same, 1.0, 2.0), chance(same, 2.1, 3.0)) == (1.0, 0.0)
    assert chance(summary([2.0]), 1.0, 3.0) is None


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: HEAD.match(block)[2])
def test_the_page_shows_what_follows_from_its_own_figures(block: str) -> None:
    """Means and intervals were measured; everything else in a block is computed from them as they are printed."""
    assert table(printed(block)) == block


def test_the_page_shows_both_budgets_and_says_their_chances() -> None:
    found = {each.budget: each for each in map(printed, BLOCKS)}
    assert set(found) == {"full", "small"}
    for each in found.values():
        assert f"{each.again:.1%}".replace("%", " %") in PAGE


def printed(block: str) -> Certified:
    """The certificate that a block of the page shows, from its means and intervals."""
    head = HEAD.match(block)
    assert head is not None
    name, budget, run, version = head.groups()
    n = certificate(name).budgets[budget]["replicates"]
    claims = {each.text: each for each in certificate(name).claims}
    lines = [(line, LINE.match(line)) for line in block.splitlines()]
    checked = [check(claim_of(line, claims), found(match, n)) for line, match in lines if match]
    return add_up(name, budget, run, checked).model_copy(update={"version": version})


def claim_of(line: str, claims: dict[str, Claim]) -> Claim:
    return next(claim for text, claim in claims.items() if line.endswith(f"  {text}"))


def found(match: re.Match[str], n: int) -> Summary:
    """Mean and interval as printed; the standard error is what the interval was made of."""
    mean = float(match["mean"])
    if match["low"] is None:
        return Summary(mean=mean, se=None, low=None, high=None, n=1)
    low, high = float(match["low"]), float(match["high"])
    return Summary(mean=mean, se=(high - low) / 2 / t_quantile(0.975, n - 1), low=low, high=high, n=n)
