"""Price lists at the door, and `ticketsmith cost` of what is not there."""

from pathlib import Path

import pytest

from ticketsmith.errors import UsageError
from ticketsmith.prices import TYPED, rates, read

ONE = "date: 2026-11-30\nmachines:\n  small: {dollars_per_hour: 0.1, cores: 2, source: a page}\n"
TWO = ONE + "  large: {dollars_per_hour: 3, gpus: 4}\n"


@pytest.fixture
def listed(tmp_path: Path):
    """Call with YAML; gives the file's path."""

    def written(text: str) -> str:
        (file := tmp_path / "prices.yaml").write_text(text)
        return str(file)

    return written


def test_nothing_is_priced_unless_somebody_asks() -> None:
    assert rates(None, None, None) is None


def test_a_price_may_be_typed() -> None:
    found = rates("0.35", None, 1e6)
    assert found and (found.serve.dollars_per_hour, found.serve.name, found.serve.date) == (0.35, TYPED, None)
    assert found.search == found.serve and found.per_day == 1e6


def test_the_only_machine_of_a_list_needs_no_name(listed) -> None:
    found = rates(None, listed(ONE), None)
    assert found and found.serve.name == "small" and found.serve.date == "2026-11-30" and found.serve.cores == 2
    assert found.serve.source == "a page"


def test_a_price_may_name_a_machine_of_the_list(listed) -> None:
    found = rates("large", listed(TWO), None)
    assert found and (found.serve.dollars_per_hour, found.serve.gpus, found.search.name) == (3, 4, "large")


def test_a_list_says_who_serves_and_who_searched(listed) -> None:
    found = rates(None, listed(TWO + "serve: small\nsearch: large\n"), None)
    assert found and (found.serve.name, found.search.name) == ("small", "large")


def test_a_typed_price_goes_before_the_lists(listed) -> None:
    found = rates("0.2", listed(TWO + "serve: small\nsearch: large\n"), None)
    assert found and (found.serve.dollars_per_hour, found.search.name) == (0.2, "large")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ONE.replace("date: 2026-11-30\n", ""), "date: missing"),
        (ONE.replace("2026-11-30", "soon"), "date"),
        (ONE.replace("0.1", "-0.1"), "machines.small.dollars_per_hour: greater than 0, got -0.1"),
        (ONE.replace("0.1", "0"), "greater than 0"),
        (ONE.replace("0.1", ".nan"), "machines.small.dollars_per_hour: a finite number"),
        (ONE.replace("0.1", ".inf"), "finite number"),
        (ONE.replace("0.1", "cheap"), "valid number, got cheap"),
        (ONE.replace("cores: 2", "cores: 0"), "machines.small.cores"),
        (ONE.replace("cores", "core"), "machines.small.core: unknown key. did you mean 'cores'?"),
        (ONE + "owner: me\n", "owner: unknown key. known: date, machines, serve, search"),
        ("date: 2026-11-30\nmachines: {}\n", "machines"),
        (TWO + "serve: huge\n", "serve: no machine is called 'huge': choose from small, large"),
        ("- a\n", "is no price list"),
        ("a: [", "is not a price list in YAML"),
    ],
)
def test_a_list_that_is_none_is_refused_with_a_fix(listed, text: str, said: str) -> None:
    with pytest.raises(UsageError, match="fix: ") as error:
        read(listed(text))
    assert said in str(error.value)


@pytest.mark.parametrize("price", ["-1", "0", "nan", "inf", "cheap", ""])
def test_a_typed_price_that_is_none_is_refused(price: str) -> None:
    with pytest.raises(UsageError, match="--price: expected dollars for an hour"):
        rates(price, None, None)


@pytest.mark.parametrize("price", [None, "medium"])
def test_a_machine_that_is_not_named_or_not_there_is_refused_with_the_names(listed, price: str | None) -> None:
    with pytest.raises(UsageError, match="small, large"):
        rates(price, listed(TWO), None)


def test_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        rates(None, str(tmp_path / "none.yaml"), None)


@pytest.mark.parametrize("per_day", [0.0, -1.0, float("inf")])
def test_units_a_day_are_a_number_above_zero(per_day: float) -> None:
    with pytest.raises(UsageError, match="--requests-per-day"):
        rates("1", None, per_day)


def test_units_a_day_need_a_price() -> None:
    with pytest.raises(UsageError, match="needs a price"):
        rates(None, None, 10.0)


def test_the_example_is_a_price_list() -> None:
    found = read(str(Path(__file__).parents[2] / "examples" / "prices.yaml"))
    assert found.machines and all(machine.source for machine in found.machines.values())
