"""The error of a pod, where Kubernetes keeps it beyond the pod's end."""

from pathlib import Path

import pytest

from ticketsmith_runner.events import MOST, leave, shortened


def test_they_are_left_where_there_is_a_place_for_them(tmp_path: Path) -> None:
    place = tmp_path / "termination-log"
    place.write_text("of somebody else, who had more to say")
    leave("error: no\n  fix: yes", str(place))
    assert place.read_text() == "error: no\n  fix: yes"
    leave("x" * 10_000, str(place))
    assert place.read_text() == "x" * MOST


@pytest.mark.parametrize("letter", ["x", "é", "€", "🎫", "\ud800"])
def test_however_long_the_problem_its_fix_is_kept_and_no_character_cut(letter: str) -> None:
    """Kubernetes counts bytes, and would cut the fix off."""
    left = shortened(f"error: {letter * 5000}\n  fix: yes")
    assert MOST - 4 < len(left) <= MOST
    assert left.decode().startswith("error: ") and left.decode().endswith("\n  fix: yes")
    assert len(shortened(f"error: no\n  fix: {letter * 5000}")) <= MOST


def test_no_file_is_made_on_a_machine_that_is_no_pod(tmp_path: Path) -> None:
    leave("error", str(tmp_path / "none"))
    assert list(tmp_path.iterdir()) == []
