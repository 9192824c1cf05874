"""Energy off counters: nothing where there are none, and a counter that goes round."""

from pathlib import Path

import pytest

from ticketsmith_runner.energy import Joules, meter
from ticketsmith_runner.served.ways import energy
from ticketsmith_runner.timing import measure


@pytest.fixture
def package(tmp_path: Path):
    """Call with microjoules; sets the counter of a package by its number, which goes round at 1000."""

    def shown(microjoules: int, number: int = 0) -> Path:
        (folder := tmp_path / f"intel-rapl:{number}").mkdir(exist_ok=True)
        (folder / "max_energy_range_uj").write_text("999\n")
        (folder / "energy_uj").write_text(f"{microjoules}\n")
        return tmp_path

    return shown


def test_a_machine_that_shows_nothing_is_not_measured(tmp_path: Path) -> None:
    assert meter(tmp_path) is None and meter(tmp_path / "none") is None


def test_a_counter_that_cannot_be_read_is_not_measured(package) -> None:
    (package(5) / "intel-rapl:0" / "energy_uj").unlink()
    assert meter(package(5, 1)) is None


def test_packages_are_added_up_and_their_parts_are_not(package, tmp_path: Path) -> None:
    package(100), package(200, 1)
    (tmp_path / "intel-rapl:0:0").mkdir()
    read = meter(tmp_path)
    assert read and read() == 0
    package(150), package(300, 1)
    assert read() == pytest.approx(150e-6)


def test_a_counter_that_goes_round_goes_on(package, tmp_path: Path) -> None:
    read = meter(package(990))
    package(15)
    assert read and read() == pytest.approx(25e-6)
    package(5)
    assert read() == pytest.approx((25 + 990) * 1e-6)


def test_each_call_has_the_energy_of_its_own_samples(clock) -> None:
    spent = {"now": 0.0}

    def call(joules: float):
        def run() -> None:
            clock.now += 1.0
            spent["now"] += joules

        return run

    joules = Joules(lambda: spent["now"])
    found = measure({"a": call(1.0), "b": call(10.0)}, 3, 2.0, clock, within=joules.of)
    calls = {name: sum(map(len, rounds)) for name, rounds in found.items()}
    assert calls["a"] >= 6 and joules.spent == {"a": calls["a"], "b": 10 * calls["b"]}


def test_a_unit_has_its_share_of_all_processes() -> None:
    assert energy([{"ticket": 3.0}, {"ticket": 5.0}], {"ticket": 4}, units=2) == {"ticket": 1.0}
    assert energy([{"ticket": 3.0}, {}], {"ticket": 4}, units=2) == {}
    assert energy([], {"ticket": 4}, units=2) == {}
